"""The models and packages that this client holds, by digest; the longest unused ones are deleted to make room.

<folder>/models/<digest>/model.npz     with the suffix of its format
<folder>/packages/<digest>/package     the archive
                          /unpacked/   the folder of its commands
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.digests import Digest
from fednet.packages import Manifest, unpack_package


class Files:
    """The files that a client holds of its network.

    Args:
        folder: The folder of the files.
        fetch: Fetches a blob to a path and checks its digest; it resumes an earlier attempt.
    """

    def __init__(self, folder: Path, fetch: Callable[[BlobRef, Path], None]) -> None:
        self._models = folder / "models"
        self._packages = folder / "packages"
        self._fetch = fetch
        self._checked: set[Path] = set()

    def model(self, ref: BlobRef, suffix: str) -> Path:
        """Return the model's file, whose name ends with the suffix."""
        return self._held(ref, self._models, f"model{suffix}", limits.client_models_max)

    def package(self, ref: BlobRef) -> tuple[Path, Manifest]:
        """Return the folder of the unpacked package, and its manifest.

        Raises:
            InvalidPackage: The package is invalid.
        """
        archive = self._held(ref, self._packages, "package", limits.client_packages_max)
        folder = archive.with_name("unpacked")
        return folder, unpack_package(archive, folder)

    def _held(self, ref: BlobRef, shelf: Path, name: str, count_max: int) -> Path:
        path = shelf / ref.digest.value / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.utime(path.parent)
        self._make_room(shelf, count_max)
        if not self._is_whole(path, ref.digest):
            self._fetch(ref, path)
            self._checked.add(path)
        return path

    def _is_whole(self, path: Path, digest: Digest) -> bool:
        """Return True if the file is here; check the digest of an earlier process's file once."""
        if not path.exists():
            return False
        if path not in self._checked and not digest.is_of_file(path):
            path.unlink()
            return False
        self._checked.add(path)
        return True

    def _make_room(self, shelf: Path, count_max: int) -> None:
        by_age = sorted(shelf.iterdir(), key=lambda each: each.stat().st_mtime_ns)
        for old in by_age[:-count_max]:
            self._checked -= set(old.iterdir())
            shutil.rmtree(old, ignore_errors=True)

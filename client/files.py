"""The models and packages that this client holds, by digest; the longest unused ones are deleted to make room.

<folder>/models/<digest>/model.npz     with the suffix of its format
<folder>/packages/<digest>/package     the archive
                          /unpacked/   the folder of its commands
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.digests import Digest
from fednet.errors import TransferCorrupted
from fednet.files import remove_tree
from fednet.packages import (
    Manifest,
    PackageContents,
    UnpackedPackage,
    inspect_package,
    read_contents,
    unpack_package,
)

_log = logging.getLogger(__name__)


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
        self._contents: dict[Path, tuple[PackageContents, Manifest]] = {}  # of checked packages

    def model(self, ref: BlobRef, suffix: str) -> Path:
        """Return the model's file, whose name ends with the suffix."""
        return self._held(ref, self._models, f"model{suffix}", limits.client_models_max)

    def contents(self, ref: BlobRef) -> tuple[PackageContents, Manifest]:
        """Return the contents of a package and its manifest, without unpacking it.

        Raises:
            InvalidPackage: The package is invalid.
        """
        archive = self._archive(ref)
        if archive not in self._contents:
            manifest = inspect_package(archive)
            self._contents[archive] = read_contents(archive), manifest
        return self._contents[archive]

    def has_package(self, digest: str) -> bool:
        """Return True if the archive of a package is here."""
        return (self._packages / digest / "package").exists()

    def package(self, ref: BlobRef) -> tuple[UnpackedPackage, Manifest]:
        """Return the unpacked package, and its manifest; a folder that has changed is unpacked anew.

        Raises:
            InvalidPackage: The package is invalid.
            TransferCorrupted: The files change while the package is unpacked.
        """
        contents, _ = self.contents(ref)
        archive = self._archive(ref)
        unpacked = UnpackedPackage(archive.with_name("unpacked"), contents)
        if unpacked.folder.exists() and not unpacked.is_as_unpacked():
            _log.warning("%s is not as it was unpacked: unpacking it again", unpacked.folder)
            remove_tree(unpacked.folder)
        manifest = unpack_package(archive, unpacked.folder)
        if not unpacked.is_as_unpacked():
            self._forget(archive)
            raise TransferCorrupted(
                f"The files of the package in {unpacked.folder} change while it is unpacked: see who writes "
                "there."
            )
        return unpacked, manifest

    def _archive(self, ref: BlobRef) -> Path:
        return self._held(ref, self._packages, "package", limits.client_packages_max)

    def _held(self, ref: BlobRef, shelf: Path, name: str, count_max: int) -> Path:
        path = shelf / ref.digest.value / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.utime(path.parent)
        self._make_room(shelf, count_max)
        if not self._is_whole(path, ref.digest):
            self._contents.pop(path, None)
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
            for path in old.iterdir():
                self._forget(path)
            remove_tree(old, ignore_errors=True)

    def _forget(self, path: Path) -> None:
        """Check a file again before its next use."""
        self._checked.discard(path)
        self._contents.pop(path, None)

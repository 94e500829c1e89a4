"""Targets that read packages: archives, and the files in them that fednet reads."""

import gzip
import io
import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from fednet.errors import InvalidPackage
from fednet.packages import unpack_package
from fednet.packages._manifest import parse_manifest
from fednet.packages._python_env import parse_python_env

from .models import file_with
from .target import Target

BLOCK_BYTES = 512
CHECKSUM = slice(148, 156)
MANIFEST = b"""python_env: env.yaml
entry_points:
  build: {command: "python build.py"}
  train: {command: "python train.py"}
  validate: {command: 'python validate.py'}
"""
PYTHON_ENV = b"name: digits\nbuild_dependencies: [pip]\ndependencies:\n- scikit-learn>=1.5\n"
OBJECT_MANIFEST = b"client: model:Client\n"


def _feed_archive(content: bytes, folder: Path) -> None:
    with file_with(_with_checksums(content), folder) as path:
        target = folder / "inside" / "package"
        try:
            unpack_package(path, target)
        finally:
            made = set(folder.rglob("*")) - {path, target.parent, target}
            shutil.rmtree(target.parent, ignore_errors=True)
            assert all(each.is_relative_to(target) for each in made)


def _with_checksums(content: bytes) -> bytes:
    """Correct the checksum of each header of a tar file: else hardly any damage would get behind it."""
    blocks = [content[at : at + BLOCK_BYTES] for at in range(0, len(content), BLOCK_BYTES)]
    return b"".join(_corrected(block) if b"ustar" in block[257:263] else block for block in blocks)


def _corrected(header: bytes) -> bytes:
    blank = header[: CHECKSUM.start] + b" " * 8 + header[CHECKSUM.stop :]
    return blank[: CHECKSUM.start] + b"%06o\0 " % sum(blank) + blank[CHECKSUM.stop :]


def _archive_seeds(_folder: Path) -> list[bytes]:
    return [
        tar := _tar(tarfile.PAX_FORMAT),
        gzip.compress(tar, mtime=0),
        _tar(tarfile.GNU_FORMAT),
        _zip(zipfile.ZIP_STORED),
        _zip(zipfile.ZIP_DEFLATED),
    ]


def _tar(form: int) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, content in _FILES.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
        for kind, name in ((tarfile.SYMTYPE, "soft"), (tarfile.LNKTYPE, "hard")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, "env.yaml"
            archive.addfile(link)
        end = archive.offset + 2 * BLOCK_BYTES  # without the zeros that fill a record of a tape
    return file.getvalue()[:end]


def _zip(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in _FILES.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
        link = zipfile.ZipInfo("soft")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "env.yaml")
    return file.getvalue()


# Short YAML: it has targets of its own, and takes longer than the archive around it.
_FILES = {
    "fednet.yaml": b"client: a:b\npython_env: env.yaml\n",
    "env.yaml": b"name: a\n",
    "code/run.sh": b"#!/bin/sh\n",
    "d" * 60 + "/" + "ü" * 60: b"",
}


def _feed_manifest(content: bytes, _folder: Path) -> None:
    manifest = parse_manifest(content, PurePosixPath("fednet.yaml"))
    assert manifest.tasks


def _feed_python_env(content: bytes, _folder: Path) -> None:
    parse_python_env(content, PurePosixPath("python_env.yaml"))


TARGETS = [
    Target("archive", _feed_archive, _archive_seeds, (InvalidPackage,)),
    Target("manifest", _feed_manifest, lambda _: [MANIFEST, OBJECT_MANIFEST], (InvalidPackage,)),
    Target("python-env", _feed_python_env, lambda _: [PYTHON_ENV], (InvalidPackage,)),
]

"""Folders and archives to make packages of."""

import io
import tarfile

import pytest

MANIFEST = 'entry_points:\n  train: {command: "python train.py"}\n'


@pytest.fixture
def source(tmp_path):
    """A folder with a small valid package."""
    folder = tmp_path / "source"
    (folder / "lib").mkdir(parents=True)
    (folder / "fednet.yaml").write_text(MANIFEST)
    (folder / "train.py").write_text("print('hello')\n")
    (folder / "lib" / "tool.sh").write_text("#!/bin/sh\n")
    (folder / "lib" / "tool.sh").chmod(0o755)
    return folder


@pytest.fixture
def make_tar(tmp_path):
    """Writes a tar file of (TarInfo, bytes) pairs beside a valid manifest."""

    def make(*members, mode="w:gz", manifest=MANIFEST):
        path = tmp_path / "made.tgz"
        with tarfile.open(path, mode) as archive:
            for header, content in [(tarfile.TarInfo("fednet.yaml"), manifest.encode()), *members]:
                header.size = header.size or len(content)
                archive.addfile(header, io.BytesIO(content))
        return path

    return make

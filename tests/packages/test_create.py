"""Making a package from a folder."""

import hashlib
import os
import tarfile

import pytest

from fednet import limits
from fednet.errors import InvalidPackage
from fednet.packages import create_package, unpack_package


def names(path):
    with tarfile.open(path) as archive:
        return archive.getnames()


def test_it_returns_the_size_and_digest_of_the_file(source, tmp_path):
    """What is announced is what was written."""
    target = tmp_path / "package.tgz"

    made = create_package(source, target)

    assert made.size_bytes == target.stat().st_size
    assert made.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()


def test_the_same_files_give_the_same_bytes(source, tmp_path):
    """Times and the order of making do not count."""
    first = create_package(source, tmp_path / "a.tgz")
    for path in source.rglob("*"):
        os.utime(path, (1, 1))

    second = create_package(source, tmp_path / "another-name.tgz")

    assert first == second


def test_other_content_gives_another_digest(source, tmp_path):
    """The digest identifies the package."""
    before = create_package(source, tmp_path / "a.tgz").sha256
    (source / "train.py").write_text("print('changed')\n")

    after = create_package(source, tmp_path / "a.tgz").sha256

    assert before != after


def test_caches_and_version_control_are_left_out(source, tmp_path):
    """What Python and git leave behind is no part of the package."""
    for name in ("__pycache__/x.txt", ".git/config", "lib/old.pyc"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("x")

    create_package(source, tmp_path / "a.tgz")

    assert names(tmp_path / "a.tgz") == ["fednet.yaml", "lib/tool.sh", "train.py"]


def test_a_target_inside_the_folder_is_not_packed(source):
    """A second call gives the same package as the first."""
    first = create_package(source, source / "package.tgz")

    second = create_package(source, source / "package.tgz")

    assert first == second


def test_what_was_created_unpacks_to_the_same_files(source, tmp_path):
    """Content and the right to run survive."""
    create_package(source, tmp_path / "a.tgz")

    unpack_package(tmp_path / "a.tgz", tmp_path / "out")

    assert (tmp_path / "out/train.py").read_text() == (source / "train.py").read_text()
    assert os.access(tmp_path / "out/lib/tool.sh", os.X_OK)
    assert not os.access(tmp_path / "out/train.py", os.X_OK)


def test_a_folder_without_manifest_leaves_no_file(source, tmp_path):
    """A refusal leaves nothing behind, neither target nor temporary file."""
    (source / "fednet.yaml").unlink()
    before = sorted(tmp_path.iterdir())

    with pytest.raises(InvalidPackage, match=r"fednet\.yaml"):
        create_package(source, tmp_path / "a.tgz")

    assert sorted(tmp_path.iterdir()) == before


def test_a_refused_folder_keeps_the_old_target(source, tmp_path):
    """The target changes whole or not at all."""
    create_package(source, tmp_path / "a.tgz")
    old = (tmp_path / "a.tgz").read_bytes()
    (source / "fednet.yaml").write_text("entry_points: {}")

    with pytest.raises(InvalidPackage):
        create_package(source, tmp_path / "a.tgz")

    assert (tmp_path / "a.tgz").read_bytes() == old


def test_a_link_out_of_the_folder_is_refused(source, tmp_path):
    """A package cannot hold what is not in its folder."""
    (source / "data").symlink_to(tmp_path)

    with pytest.raises(InvalidPackage, match="data is a link"):
        create_package(source, tmp_path / "a.tgz")


def test_a_missing_folder_is_refused(tmp_path):
    """The message names the folder."""
    with pytest.raises(InvalidPackage, match="nowhere"):
        create_package(tmp_path / "nowhere", tmp_path / "a.tgz")


def test_a_package_over_the_limit_is_refused(source, tmp_path, monkeypatch):
    """A package that no client would take is not made."""
    monkeypatch.setattr(limits, "package_files_max", 2)

    with pytest.raises(InvalidPackage, match="more than 2 files"):
        create_package(source, tmp_path / "a.tgz")

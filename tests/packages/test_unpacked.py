"""Unpacked packages, compared with their archive."""

import itertools
import os
import tarfile

import pytest

from fednet.packages import UnpackedPackage, create_package, read_contents, unpack_package


@pytest.fixture
def unpacked(source, tmp_path):
    """Return an unpacked package with a folder, a link and an executable file."""
    (source / "link").symlink_to("train.py")
    create_package(source, tmp_path / "package.tgz")
    unpack_package(tmp_path / "package.tgz", tmp_path / "out")
    return UnpackedPackage(tmp_path / "out", read_contents(tmp_path / "package.tgz"))


def replace_content(folder):
    """Write other bytes of the same length, and put the time of modification back."""
    path = folder / "train.py"
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


TAMPERINGS = {
    "content": replace_content,
    "deleted": lambda folder: (folder / "train.py").unlink(),
    "mode": lambda folder: (folder / "train.py").chmod(0o755),
    "target": lambda folder: ((folder / "link").unlink(), (folder / "link").symlink_to("lib")),
    "kind": lambda folder: (
        (folder / "train.py").rename(folder / "moved"),
        (folder / "train.py").symlink_to("moved"),
    ),
    "folder above a file": lambda folder: (
        (folder / "lib").rename(folder / "moved"),
        (folder / "lib").symlink_to("moved"),
    ),
}


def test_an_untouched_folder_is_as_it_was_unpacked(unpacked):
    """Twice, the second time from the times of its files."""
    assert [unpacked.is_as_unpacked(), unpacked.is_as_unpacked()] == [True, True]


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_a_changed_member_is_noticed(unpacked, tampering):
    """In a folder that was compared before."""
    before = unpacked.has_all_members()
    TAMPERINGS[tampering](unpacked.folder)

    assert (before, unpacked.has_all_members()) == (True, False)


def test_an_old_file_that_changes_is_noticed(unpacked, monkeypatch):
    """It is not read again until its facts change."""
    monkeypatch.setattr("fednet.packages._unpacked._SETTLED_NS", -1)
    unpacked.has_all_members()
    known = dict(unpacked._stamps)
    replace_content(unpacked.folder)

    assert len(known) == len(unpacked.contents.members)
    assert not unpacked.has_all_members()


def test_hard_links_are_compared_with_the_file_that_they_lead_to(make_tar, tmp_path):
    """Also over a long chain of links."""
    names = ["file", *(f"link{number}" for number in range(2_000))]
    members = [(tarfile.TarInfo("file"), b"content")]
    for target, name in itertools.pairwise(names):
        header = tarfile.TarInfo(name)
        header.type, header.linkname = tarfile.LNKTYPE, target
        members.append((header, b""))
    path = make_tar(*members)
    unpack_package(path, tmp_path / "out")
    unpacked = UnpackedPackage(tmp_path / "out", read_contents(path))
    before = unpacked.is_as_unpacked()
    (tmp_path / "out" / names[-1]).unlink()
    (tmp_path / "out" / names[-1]).write_bytes(b"another")

    assert (before, unpacked.is_as_unpacked()) == (True, False)


def test_a_file_more_is_noticed_before_the_code_has_run(unpacked):
    """Code may add files, such as a cache, while it runs; nothing else may."""
    (unpacked.folder / "lib" / "numpy.py").write_text("import os")

    assert unpacked.has_all_members()
    assert not unpacked.is_as_unpacked()


ADDED_CODE = {
    "module": lambda folder: (folder / "numpy.py").write_text("harm = 1"),
    "extension": lambda folder: (folder / "numpy.abi3.so").write_text("harm"),
    "link to a module": lambda folder: (folder / "numpy.py").symlink_to("data"),
    "link to a folder": lambda folder: (folder / "numpy").symlink_to("lib"),
    "bytecode": lambda folder: (folder / "__pycache__" / "train.pyc").write_bytes(b"harm"),
    "code of the preparation": lambda folder: (folder / "made.py").write_text("harm = 1"),
}


@pytest.mark.parametrize("added", ADDED_CODE)
def test_code_that_a_task_adds_is_dropped_before_the_next(unpacked, added):
    """The package's members, the data that it has written and the code of its preparation stay."""
    folder = unpacked.folder
    (folder / "__pycache__").mkdir()
    (folder / "kept.py").write_text("startup = 1")
    (folder / "made.py").write_text("startup = 1")
    unpacked.drop_code_of_tasks()
    before = {*folder.rglob("*"), folder / "data"}
    (folder / "data").write_text("x")
    ADDED_CODE[added](folder)

    unpacked.drop_code_of_tasks()

    changed = {folder / "made.py"} if added == "code of the preparation" else set()
    assert set(folder.rglob("*")) == before - changed
    assert unpacked.has_all_members()


@pytest.mark.usefixtures("ordinary_user")
@pytest.mark.parametrize("mode", [0o555, 0o311, 0])
def test_code_in_a_folder_that_a_task_has_closed_is_dropped_too(unpacked, mode):
    """Python imports from a folder that it may enter but not list."""
    folder = unpacked.folder
    unpacked.drop_code_of_tasks()
    (folder / "numpy").mkdir()
    (folder / "numpy" / "__init__.py").write_text("harm = 1")
    (folder / "numpy").chmod(mode)

    unpacked.drop_code_of_tasks()

    assert list((folder / "numpy").iterdir()) == []

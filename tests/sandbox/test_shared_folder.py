"""A folder that code from afar may write too."""

import os

import pytest

from fednet.sandbox import SharedFolder


@pytest.fixture
def shared(tmp_path):
    (tmp_path / "shared").mkdir()
    with SharedFolder(tmp_path / "shared") as folder:
        yield folder


def test_files_are_written_read_and_taken(shared, tmp_path):
    """A file that is taken is gone there."""
    shared.write("settings", "{}")
    with shared.open("settings") as file:
        assert file.read() == b"{}"
    (tmp_path / "taken").write_text("older")

    shared.take("settings", tmp_path / "taken")

    assert (tmp_path / "taken").read_text() == "{}"
    assert not (shared.path / "settings").exists()


def test_what_was_taken_stays_as_it_is(shared, tmp_path):
    """Code that holds the file open, or has linked it, changes nothing that is read after."""
    shared.write("update", "clipped")
    os.link(shared.path / "update", shared.path / "linked")
    with (shared.path / "update").open("r+") as held:
        shared.take("update", tmp_path / "taken")
        held.write("secrets")
    (shared.path / "linked").write_text("")

    assert (tmp_path / "taken").read_text() == "clipped"
    assert (tmp_path / "taken").stat().st_mode & 0o777 == 0o600


def test_holes_stay_holes(shared, tmp_path):
    """A file of holes, which no limit of the disk counts, does not fill the disk when it is taken."""
    with (shared.path / "update").open("wb") as file:
        file.seek(100 << 20)
        file.write(b"end")
        file.truncate(200 << 20)

    shared.take("update", tmp_path / "taken")

    taken = tmp_path / "taken"
    assert taken.stat().st_size == 200 << 20
    assert taken.stat().st_blocks * 512 < 4 << 20
    assert taken.read_bytes().strip(b"\0") == b"end"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/etc/passwd")])
def test_nothing_but_a_file_is_one(shared, tmp_path, make):
    """A pipe is not waited for, and no link is followed."""
    make(shared.path / "x")

    with pytest.raises(FileNotFoundError):
        shared.open("x")
    with pytest.raises(FileNotFoundError):
        shared.take("x", tmp_path / "taken")
    with pytest.raises(FileExistsError):
        shared.write("x", "y")
    assert not (tmp_path / "taken").exists()


def test_a_folder_stays_the_same_under_another_name(shared, tmp_path):
    """Code that may rename it leads nobody elsewhere."""
    shared.write("x", "right")
    shared.path.rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x").write_text("wrong")
    shared.path.symlink_to(tmp_path / "elsewhere")

    with shared.open("x") as file:
        assert file.read() == b"right"
    shared.write("y", "z")
    shared.take("x", tmp_path / "taken")

    assert (tmp_path / "taken").read_text() == "right"
    assert (tmp_path / "moved" / "y").exists()
    assert not (tmp_path / "elsewhere" / "y").exists()


def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path):
    """It may have been exchanged right after it was made."""
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        SharedFolder(tmp_path / "link")

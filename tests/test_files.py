"""Files that appear whole or not at all."""

import os
import stat
import threading

import pytest

from fednet.files import PRIVATE, put_in_place, whole_file, write_once, write_whole


@pytest.fixture(autouse=True)
def umask():
    """A umask that others may have, too."""
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_takes_the_place_of_the_earlier_one(tmp_path, durable):
    """Nothing else stays in the folder."""
    path = tmp_path / "a"
    path.write_bytes(b"earlier")

    write_whole(path, b"new", durable=durable)

    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_earlier_file_until_the_new_one_is_whole(tmp_path):
    """Its bytes do not come under its name one by one."""
    path = tmp_path / "a"
    path.write_bytes(b"earlier")

    with whole_file(path) as file:
        file.write(b"n")
        file.flush()
        seen = path.read_bytes()

    assert seen == b"earlier"
    assert path.read_bytes() == b"n"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_leaves_the_earlier_file(tmp_path, error):
    """The half of a new one is deleted, also where the process is asked to stop."""
    path = tmp_path / "a"
    path.write_bytes(b"earlier")

    def fail():
        with whole_file(path) as file:
            file.write(b"n")
            raise error

    with pytest.raises(error):
        fail()

    assert path.read_bytes() == b"earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_the_umask_restricts_a_shared_file_and_a_private_one_is_its_owners(tmp_path):
    """Another user may read what the umask lets them read, and never a secret."""
    write_whole(tmp_path / "shared", b"")
    write_whole(tmp_path / "private", b"", mode=PRIVATE)
    write_once(tmp_path / "once", b"", mode=PRIVATE)

    assert mode_of(tmp_path / "shared") == 0o640
    assert mode_of(tmp_path / "private") == 0o600
    assert mode_of(tmp_path / "once") == 0o600


def test_a_secret_is_private_before_it_is_whole(tmp_path):
    """Nobody reads it while it is being written."""
    with whole_file(tmp_path / "a", mode=PRIVATE):
        [written] = tmp_path.iterdir()
        mode = mode_of(written)

    assert mode == 0o600


def test_a_file_may_be_written_in_another_folder(tmp_path):
    """What a killed process leaves lies there, and not beside the file."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "here").mkdir()

    with whole_file(tmp_path / "here" / "a", folder=tmp_path / "tmp") as file:
        file.write(b"new")
        beside = list((tmp_path / "here").iterdir())

    assert beside == []
    assert (tmp_path / "here" / "a").read_bytes() == b"new"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_file_can_be_read_back_while_it_is_written(tmp_path):
    """So it can be checked before it gets its name."""
    with whole_file(tmp_path / "a") as file:
        file.write(b"new")
        file.seek(0)
        seen = file.read()

    assert seen == b"new"


def test_the_first_writer_of_a_file_wins(tmp_path):
    """Each of them learns what the file holds."""
    path, found, begin = tmp_path / "a", set(), threading.Barrier(8)

    def write(number):
        begin.wait()
        found.add(write_once(path, str(number).encode()))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert found == {path.read_bytes()}
    assert list(tmp_path.iterdir()) == [path]


def test_without_hard_links_a_file_is_written_all_the_same(tmp_path, monkeypatch):
    """Some file systems of other machines have none."""

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)

    assert write_once(tmp_path / "a", b"new") == b"new"
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_finished_file_gets_its_name(tmp_path):
    """It takes the place of the one that has the name."""
    (tmp_path / "part").write_bytes(b"new")
    (tmp_path / "a").write_bytes(b"earlier")

    put_in_place(tmp_path / "part", tmp_path / "a")

    assert (tmp_path / "a").read_bytes() == b"new"
    assert not (tmp_path / "part").exists()


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    """The caller knows what the file is for, and says so."""
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "gone" / "a", b"")

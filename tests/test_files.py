"""Files that appear whole or not at all."""

import os
import stat
import threading

import pytest

from fednet.files import (
    PRIVATE,
    open_private,
    private_folder,
    put_in_place,
    remove_tree,
    warn_of_others,
    whole_file,
    write_new,
    write_once,
    write_whole,
)


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


def test_a_new_file_takes_no_others_place(tmp_path):
    """Also not that of a link which leads nowhere; and one that cannot be written leaves its name free."""
    (tmp_path / "a").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    write_new(tmp_path / "b", b"new", mode=PRIVATE)

    for name in ("a", "b", "link"):
        with pytest.raises(FileExistsError):
            write_new(tmp_path / name, b"other")
    with pytest.raises(TypeError):
        write_new(tmp_path / "c", "no bytes")

    assert (tmp_path / "a").read_bytes() == b"mine"
    assert (tmp_path / "b").read_bytes() == b"new"
    assert mode_of(tmp_path / "b") == PRIVATE
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a", "b", "link"]


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


def test_a_private_folder_is_made_with_those_above_it(tmp_path):
    """One that is there keeps the mode that somebody has given it."""
    (tmp_path / "shared").mkdir(0o750)

    private_folder(tmp_path / "shared" / "a" / "b")
    private_folder(tmp_path / "shared")

    assert [mode_of(tmp_path / each) for each in ("shared", "shared/a", "shared/a/b")] == [
        0o750,
        0o700,
        0o700,
    ]


def test_a_folder_that_others_may_enter_is_logged(tmp_path, caplog):
    """With its mode and the command that changes it; a private one is not."""
    for name, mode in (("open", 0o755), ("closed", 0o700)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
        warn_of_others(tmp_path / name)

    (record,) = caplog.records
    assert f"{tmp_path / 'open'} (mode 0755): chmod 700" in record.getMessage()


def test_a_private_file_is_for_its_owner_also_if_it_was_there(tmp_path):
    """What is written is appended or replaced, as the mode says."""
    path = tmp_path / "log"
    path.write_bytes(b"earlier")
    path.chmod(0o644)

    with open_private(path, "ab") as file:
        file.write(b", later")
    with open_private(tmp_path / "new", "wb"):
        pass

    assert path.read_bytes() == b"earlier, later"
    assert (mode_of(path), mode_of(tmp_path / "new")) == (0o600, 0o600)


@pytest.fixture
def closed(tmp_path):
    """Return a folder with folders that even their owner may not change or enter, and a link to one outside."""
    (tmp_path / "outside" / "file").mkdir(parents=True)
    (tmp_path / "outside").chmod(0o555)
    (tmp_path / "closed" / "a" / "b").mkdir(parents=True)
    (tmp_path / "closed" / "a" / "b" / "file").touch()
    (tmp_path / "closed" / "a" / "link").symlink_to(tmp_path / "outside")
    for name, mode in (("a/b", 0), ("a", 0o555), ("", 0o500)):
        (tmp_path / "closed" / name).chmod(mode)
    return tmp_path / "closed"


@pytest.mark.usefixtures("ordinary_user")
def test_a_folder_is_removed_whatever_its_modes_forbid(closed):
    """Links in it are removed, but not followed."""
    remove_tree(closed)

    assert not closed.exists()
    assert (closed.parent / "outside" / "file").is_dir()
    assert mode_of(closed.parent / "outside") == 0o555


@pytest.mark.usefixtures("ordinary_user")
def test_a_folder_that_is_gone_is_an_error_unless_errors_are_ignored(closed):
    """The first call removes it."""
    remove_tree(closed, ignore_errors=True)
    remove_tree(closed, ignore_errors=True)

    with pytest.raises(FileNotFoundError):
        remove_tree(closed)

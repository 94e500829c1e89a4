"""What the directory store adds to the contract: files, processes and their deaths."""

import errno
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from fednet.errors import InvalidInput, Unavailable
from fednet.storage import is_shared, open_blobs, shared_folder

PUT_AND_WAIT = """
import sys
from fednet.storage import open_blobs

def source():
    yield b"half"
    print("half is written", flush=True)
    sys.stdin.readline()
    yield b" whole"

open_blobs(sys.argv[1]).put("models/a", source())
"""


@pytest.fixture
def root(tmp_path):
    return tmp_path / "blobs"


@pytest.fixture
def blobs(root):
    return open_blobs(f"file://{root}")


@contextmanager
def writer(root):
    """A process that is in the middle of a put, killed at the end if it still runs."""
    command = [sys.executable, "-c", PUT_AND_WAIT, f"file://{root}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        try:
            running.stdout.readline()
            yield running
        finally:
            running.kill()


def files(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_blobs_are_there_after_reopening(root, blobs):
    """A blob is a plain file that a person can find."""
    blobs.put("models/3f2a", [b"x"])

    assert files(root) == ["models/3f2a.blob"]
    assert b"".join(open_blobs(f"file://{root}").read("models/3f2a")) == b"x"


def test_a_killed_writer_leaves_nothing_visible_and_is_cleaned_up_after(root):
    """What it had written goes with the next opening."""
    with writer(root) as running:
        running.kill()
        running.wait()
        left = files(root)

    blobs = open_blobs(f"file://{root}")

    assert len(left) == 1
    assert files(root) == []
    assert blobs.size("models/a") is None


def test_opening_leaves_a_living_writer_alone(root):
    """Only the dead are cleaned up after."""
    with writer(root) as running:
        blobs = open_blobs(f"file://{root}")
        before = blobs.size("models/a")
        running.communicate(b"go\n")

        assert before is None
        assert running.returncode == 0
        assert b"".join(blobs.read("models/a")) == b"half whole"


def test_a_put_that_breaks_off_removes_its_file(root, blobs):
    """At once, not only at the next opening."""

    def source():
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        blobs.put("a", source())

    assert files(root) == []


def test_folders_without_blobs_do_not_pile_up(root, blobs):
    """Each phase of each round has a folder; a million rounds leave none."""
    blobs.put("partials/phase/combiner", [b"x"])

    blobs.delete("partials/phase/combiner")

    assert [path.name for path in root.iterdir()] == [".incoming"]


def test_a_file_of_the_same_file_system_is_moved(blobs, tmp_path):
    """Its bytes are read once and written never."""
    file = tmp_path / "update"
    file.write_bytes(b"x")
    number = file.stat().st_ino

    blobs.put_file("a", file)

    assert blobs.local_path("a").stat().st_ino == number


def test_a_file_that_cannot_be_moved_is_copied(root, blobs, tmp_path, monkeypatch):
    """As from another file system, which a test cannot count on having."""
    file = tmp_path / "update"
    file.write_bytes(b"x" * 3_000_000)
    replace = Path.replace

    def replace_within_one_file_system(path, target):
        if path == file:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_within_one_file_system)
    stored = blobs.put_file("a", file)

    assert stored.size_bytes == blobs.size("a") == 3_000_000
    assert not file.exists()
    assert files(root) == ["a.blob"]


@pytest.mark.parametrize("url", ["file://", "file://blobs", "file://~/blobs"])
def test_a_path_that_is_not_absolute_is_refused(url):
    """Which folder a process stands in decides nothing."""
    with pytest.raises(InvalidInput) as error:
        open_blobs(url)

    assert error.value.field == "blob_store"


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path):
    """A file stands in its place."""
    (tmp_path / "blobs").touch()

    with pytest.raises(Unavailable):
        open_blobs(f"file://{tmp_path}/blobs")


def test_errors_of_the_system_become_unavailable(root, blobs):
    """A file stands where a folder should be, a folder where a file should be."""
    (root / "models").touch()
    (root / "a.blob").mkdir()

    for call in (
        lambda: blobs.put("models/a", [b"x"]),
        lambda: blobs.put("a", [b"x"]),
        lambda: blobs.size("models/a"),
        lambda: blobs.delete("a"),
        lambda: list(blobs.read("a")),
    ):
        with pytest.raises(Unavailable):
            call()
    assert files(root) == ["models"]


def test_a_folder_that_has_gone_is_not_ready(root, blobs):
    """As when a disk is no longer mounted."""
    shutil.rmtree(root)

    assert blobs.is_ready() is False


def test_a_file_of_the_work_folder_is_no_blob_and_is_moved_in_one_step(blobs, root):
    """Its bytes are not copied: it is the same file afterwards."""
    folder = blobs.work_folder
    folder.mkdir()
    (folder / "a").write_bytes(b"content")
    number = (folder / "a").stat().st_ino

    assert list(blobs.list()) == []
    blobs.put_file("models/a", folder / "a")

    assert blobs.local_path("models/a").stat().st_ino == number
    assert open_blobs(f"file://{root}").work_folder == folder


def test_controllers_that_share_a_folder_tell_one_mark_until_it_is_renewed(tmp_path):
    """So what one of them has told holds when another one starts; a copy of the folder is told from it."""
    url = f"file://{tmp_path}"

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(shared_folder, [url] * 8))
    renewed = shared_folder(url, renew=True)

    assert all(each == told[0] for each in told)
    assert not is_shared(told[0])
    assert is_shared(renewed)
    assert [path.name for path in tmp_path.iterdir()] == [".mark"]

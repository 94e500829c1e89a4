"""The box that bubblewrap makes."""

import pytest

from fednet.processes import GroupLimits
from fednet.sandbox import Box, Sandbox
from fednet.sandbox._bwrap import _devices


@pytest.fixture
def printed(bwrap, tmp_path):
    """Return a function that returns what a shell command prints in a box, and its exit code."""

    def printed(script, folder=None, **options):
        home = folder or tmp_path / "home"
        home.mkdir(exist_ok=True)
        sandbox, box = Sandbox(bwrap, **options), Box((home,), home)
        process = sandbox.start(["sh", "-c", script], box, home, sandbox.environment(box))
        with process.process:
            output = process.process.stdout.read().decode()
            process.end()
        return output, process.code

    return printed


def test_a_hidden_folder_is_empty_also_inside_of_a_visible_one(printed, tmp_path, monkeypatch):
    """An agent's folder may lie among the libraries that a box shows; a folder of the box in it is shown again."""
    libraries = tmp_path / "site-packages"
    (libraries / "client" / "models").mkdir(parents=True)
    (libraries / "client" / "credentials").touch()
    (libraries / "library.py").touch()
    monkeypatch.syspath_prepend(str(libraries))

    output, _ = printed(
        f"ls {libraries} {libraries}/client",
        hidden=(libraries / "client",),
        readable=(libraries / "client" / "models",),
    )

    assert output.split() == [
        f"{libraries}:",
        "client",
        "library.py",
        f"{libraries}/client:",
        "models",
    ]


def test_a_hidden_folder_is_empty_also_behind_a_link(printed, tmp_path, monkeypatch):
    """The libraries that a box shows may have another path than their own."""
    (tmp_path / "disk" / "client").mkdir(parents=True)
    (tmp_path / "disk" / "client" / "credentials").touch()
    libraries = tmp_path / "site-packages"
    libraries.symlink_to(tmp_path / "disk")
    monkeypatch.syspath_prepend(str(libraries))

    output, _ = printed(f"ls -R {libraries}/", hidden=(tmp_path / "disk" / "client",))

    assert output.split() == [f"{libraries}/:", "client", f"{libraries}/client:"]


def test_memory_without_a_process_is_bounded_too(printed):
    """/dev/shm takes no more than the limit of memory."""
    output, code = printed(
        "head -c 90000000 /dev/zero > /dev/shm/x", bounds=GroupLimits(memory_bytes=64 << 20)
    )

    assert "No space left on device" in output
    assert code != 0


def test_no_folder_in_memory_is_writable_without_a_bound(printed, tmp_path, monkeypatch):
    """Neither /dev nor a hidden folder takes a file; devices, shared memory and folders of the box still do."""
    libraries, home = tmp_path / "site-packages", tmp_path / "site-packages" / "client" / "home"
    home.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(libraries))
    places = ("/dev", f"{libraries}/client", "/dev/shm", str(home))

    output, _ = printed(
        f"for place in {' '.join(places)}; do touch $place/x && echo $place >/dev/null && echo $place; done",
        folder=home,
        hidden=(libraries / "client",),
    )

    written = [each for each in output.splitlines() if each in places]
    assert written == ["/dev/shm", str(home)]
    assert output.count("Read-only file system") == 2


def test_the_exit_of_a_command_is_told_through_the_box(printed):
    """Its code, and a signal as such."""
    assert printed("exit 3") == ("", 3)
    assert printed("kill -9 $$") == ("", -9)


def test_graphics_processors_are_shown(tmp_path):
    """Those of the usual makers, by the names of their devices."""
    for name in ("nvidia0", "nvidiactl", "dri", "kfd", "sda", "mem"):
        (tmp_path / name).touch()

    assert [each.name for each in _devices(tmp_path)] == ["dri", "kfd", "nvidia0", "nvidiactl"]

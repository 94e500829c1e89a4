"""The build of a package's Python environment: a script of its own, run as one of the package's commands.

It gets the folder of the environment and an order as JSON: `uv` is the path of that tool or null, `requirements` are
lists that are installed one after the other, `environments_max` is the largest number of environments, `box` is the
command that puts another one into its box, or empty. Requirements may run code when they are installed, so each
installation runs in the box, where it can write no other environment.

<environments>/lock            held while an environment is built
              /<key>/          a virtual environment, which cannot be moved
              /<key>/ready     written last; held by processes that use the environment

An environment without `ready` is incomplete: it is never used, and is built again. This script itself runs outside of
the box, and requirements may have left links and pipes in the environment: it follows no link there, and waits for no
pipe. It imports the standard library only.
"""

import fcntl
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

READY = "ready"
SCRATCH = f"{READY}.tmp"


def main(environment: Path, order: dict[str, Any]) -> None:
    """Build the environment, unless another agent has done so meanwhile."""
    environment.parent.mkdir(parents=True, exist_ok=True)
    with (environment.parent / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_complete(environment):
            make_room(environment, order["environments_max"])
            build(environment, order)


def is_complete(environment: Path) -> bool:
    """Return True if an environment was built to its end, and its interpreter is still there."""
    try:
        open_ready(environment).close()
    except FileNotFoundError:
        return False
    return (environment / "bin" / "python").exists()


def open_ready(environment: Path) -> IO[bytes]:
    """Open the mark of a complete environment.

    Raises:
        FileNotFoundError: There is none, or something else is in its place.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(environment / READY, flags)
    except OSError as error:
        raise FileNotFoundError(f"{environment} is incomplete") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(f"{environment} is incomplete")
    return os.fdopen(descriptor, "rb")


def mark_ready(environment: Path, order: dict[str, Any]) -> None:
    """Write the mark of a complete environment, as a new file in this very folder."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = os.open(environment, flags)
    try:
        with suppress(FileNotFoundError):
            os.unlink(SCRATCH, dir_fd=folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(SCRATCH, flags, 0o666, dir_fd=folder)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(order))
    finally:
        os.close(folder)
    (environment / SCRATCH).replace(environment / READY)


def make_room(environment: Path, environments_max: int) -> None:
    """Delete the environment's folder, and the longest unused of the others beyond the limit, but none in use."""
    remove_tree(environment)
    others = [path for path in environment.parent.iterdir() if path.is_dir()]
    for path in sorted(others, key=age)[: max(len(others) + 1 - environments_max, 0)]:
        with suppress(BlockingIOError), unused(path):
            with suppress(IsADirectoryError):
                (path / READY).unlink(missing_ok=True)
            remove_tree(path)


def remove_tree(folder: Path) -> None:
    """Delete a folder, also with folders in it that a requirement has closed by their mode; see `fednet.files`."""
    for path, names, _ in os.walk(folder):  # it enters a folder after this block
        for each in (Path(path, name) for name in names):
            if not each.is_symlink():
                with suppress(OSError):
                    each.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def age(environment: Path) -> int:
    """Return the time of an environment's last use, in nanoseconds; 0 for an incomplete one."""
    try:
        with open_ready(environment) as ready:
            return os.fstat(ready.fileno()).st_mtime_ns
    except FileNotFoundError:
        return 0


@contextmanager
def unused(environment: Path) -> Iterator[None]:
    """Keep other processes from using the environment while the block lasts.

    Raises:
        BlockingIOError: Another process uses it.
    """
    with ExitStack() as stack:
        with suppress(FileNotFoundError):
            take(stack.enter_context(open_ready(environment)), fcntl.LOCK_EX)
        yield


def take(file: IO[bytes], mode: int) -> None:
    """Lock a file without waiting."""
    fcntl.flock(file, mode | fcntl.LOCK_NB)


def build(environment: Path, order: dict[str, Any]) -> None:
    """Create the environment and install into it; the output is for people."""
    uv, box = order["uv"], order["box"]
    environment.mkdir()  # a box shows only folders that exist
    python = str(environment / "bin" / "python")
    if uv:
        run(*box, uv, "venv", "--quiet", "--python", sys.executable, str(environment))
        install = [uv, "pip", "install", "--python", python]
    else:
        run(*box, sys.executable, "-m", "venv", str(environment))
        install = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    for requirements in order["requirements"]:
        if requirements:
            run(*box, *install, *[word for each in requirements for word in words(each)])
    mark_ready(environment, order)


def words(requirement: str) -> list[str]:
    """Return a requirement as arguments: one, except for options such as `-r requirements.txt`."""
    return shlex.split(requirement) if requirement.startswith("-") else [requirement]


def run(*command: str) -> None:
    """Run a command; if it fails, exit with its exit code."""
    done = subprocess.run(command, check=False)
    if done.returncode != 0:
        sys.exit(abs(done.returncode))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))

"""The Python environment of a package's code: built once for equal requirements, then kept."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import shutil
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from fednet import limits
from fednet.digests import sha256_of
from fednet.environment import installer_configuration
from fednet.errors import TaskFailed
from fednet.files import remove_tree
from fednet.sandbox import Box

from .build_environment import READY, open_ready, take
from .commands import Commands
from .progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from fednet.packages import PythonEnv
    from fednet.processes import Group
    from fednet.sandbox import Sandbox

_BUILD = Path(__file__).with_name("build_environment.py")
# A requirement by name; anything else may be a file of the package.
_BY_NAME = re.compile(r"[A-Za-z0-9][^/\\]*|[A-Za-z0-9][^@]*@\s*[a-z+]+://.*")


class Environment:
    """A virtual environment that the agents of one data folder share.

    Args:
        wanted: The requirements to install.
        package: The folder in which relative paths among the requirements begin.
        environments: The folder of all environments.
        seconds_max: The time limit of the build.
        group: Ends the build when a task is cancelled.
        report: Called with each message about the build.
        sandbox: Starts the build.
        scratch: The home of the build, and the folder of its temporary files.
        is_unchanged: Tells if the package's folder is as it was unpacked. A build has a network: it must not find there
            what the package's code has written beside the site's data.

    Attributes:
        folder: Its folder; its `python` is in the folder `bin` there.
    """

    def __init__(
        self,
        wanted: PythonEnv,
        package: Path,
        environments: Path,
        seconds_max: float,
        group: Group,
        report: Callable[[str], None],
        sandbox: Sandbox,
        scratch: Path,
        is_unchanged: Callable[[], bool],
    ) -> None:
        self._wanted = wanted
        self._package = package
        self._sandbox = sandbox
        self._scratch = scratch
        self._is_unchanged = is_unchanged
        self.folder = environments.absolute() / _key(wanted, package)
        self._commands = Commands(
            package, seconds_max, group, Progress(wanted.name, report), sandbox
        )
        self._report = report
        self._held: IO[bytes] | None = None

    @property
    def is_whole(self) -> bool:
        """True if the environment is held, and nobody has deleted it in spite of that."""
        return self._held is not None and self._is_in_place(self._held)

    def prepare(self) -> None:
        """Build the environment if it does not exist, and keep other agents from deleting it.

        Raises:
            TaskFailed: The build failed, took too long or was cancelled.
        """
        if self.is_whole:
            return
        self.close()
        if not self._hold():
            self._build()
            if not self._hold():
                raise TaskFailed(
                    "The package's python_env was deleted right after its build: try again."
                )

    def close(self) -> None:
        """Allow other processes to delete the environment."""
        if self._held is not None:
            held, self._held = self._held, None
            held.close()

    def _is_in_place(self, held: IO[bytes]) -> bool:
        """Return True if the held file is still that of the environment, and its interpreter is there."""
        try:
            is_same = os.path.samestat(os.fstat(held.fileno()), (self.folder / READY).lstat())
        except FileNotFoundError:
            return False
        return is_same and (self.folder / "bin" / "python").exists()

    def _hold(self) -> bool:
        """Hold the environment if it is complete; return True if it is held."""
        with ExitStack() as stack, suppress(FileNotFoundError, BlockingIOError):
            file = stack.enter_context(open_ready(self.folder))
            take(file, fcntl.LOCK_SH)
            if self._is_in_place(file):  # not if it was deleted before the lock was taken
                os.utime(file.fileno())
                stack.pop_all()
                self._held = file
        return self._held is not None

    def _build(self) -> None:
        if not self._is_unchanged():
            raise TaskFailed(
                "The package's python_env is built from fresh files only, and its folder has changed since it was "
                "unpacked: the next task unpacks it again."
            )
        uv = shutil.which("uv")
        name = self._wanted.name
        count = len(self._wanted.build_dependencies) + len(self._wanted.dependencies)
        self._report(f"python_env {name}: installing {count} requirements with {_tool(uv)}.")
        began = time.monotonic()
        self._scratch.mkdir(parents=True, exist_ok=True)
        box = self._box(uv)
        variables = {"UV_LINK_MODE": "copy", **self._sandbox.environment(box)}
        try:
            printed = self._commands.run(
                "python_env", self._command(uv, box), variables, box, is_ours=True
            )
        finally:
            remove_tree(self._scratch, ignore_errors=True)
        seconds = time.monotonic() - began
        self._report(f"python_env {name} is ready after {seconds:.1f} seconds.\n{printed}".strip())

    def _box(self, uv: str | None) -> Box:
        """Return the box of the build: with a network, and without the site's data."""
        tools = (Path(uv), *installer_configuration()) if uv else installer_configuration()
        return Box(
            writable=(self._scratch, self._package, self.folder),
            temporary=self._scratch,
            readable=tools,
            has_network=True,
            has_data=False,
        )

    def _command(self, uv: str | None, box: Box) -> str:
        order = {
            "box": self._sandbox.prefix(box, self._package),
            "uv": uv,
            "requirements": [self._wanted.build_dependencies, self._wanted.dependencies],
            "environments_max": limits.client_environments_max,
        }
        arguments = [sys.executable, "-P", str(_BUILD), str(self.folder), json.dumps(order)]
        return shlex.join(arguments)


def _tool(uv: str | None) -> str:
    return "uv" if uv else "pip"


def _key(wanted: PythonEnv, package: Path) -> str:
    """Return the key of equal environments; requirements that are files of a package belong to its key."""
    requirements = [*wanted.build_dependencies, *wanted.dependencies]
    are_by_name = all(_BY_NAME.fullmatch(each) for each in requirements)
    parts = [
        sys.version,
        sys.prefix,
        list(wanted.build_dependencies),
        list(wanted.dependencies),
        None if are_by_name else str(package.absolute()),
    ]
    return sha256_of(json.dumps(parts).encode())

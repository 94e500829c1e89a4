"""The box of one command, and the sandbox that puts commands into boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from fednet.environment import environment_of_a_task, environment_without_settings
from fednet.processes import GroupLimits, Supervised
from fednet.sandbox._bwrap import bwrap_command

SandboxKind: TypeAlias = Literal["bwrap", "process", "none"]
_NO_CODE_OF_HOME: Final = {"PYTHONNOUSERSITE": "1"}  # which earlier tasks may have written


@dataclass(frozen=True)
class Box:
    """The surroundings of one command.

    Args:
        writable: The folders that it may write, and whose files count for its limits. The first one is its home.
        readable: Files and folders that it may only read, beside those of the system and of this Python.
        temporary: The folder of its temporary files, inside of a writable one.
        has_network: True if it may open connections.
        has_data: True if it may read the site's data, and the other files that a sandbox shows.
    """

    writable: tuple[Path, ...]
    temporary: Path
    readable: tuple[Path, ...] = ()
    has_network: bool = False
    has_data: bool = True


@dataclass(frozen=True)
class Sandbox:
    """The way in which code from afar runs on this machine.

    - `bwrap`: in namespaces of its own, by bubblewrap: no network, and nothing visible but the system, read-only,
      and the folders of its box;
    - `process`: with the limits and a small environment, but with the rights of this process's user;
    - `none`: with the whole environment of this process, without limits.

    In each of them it ends with its task and with this process.

    Args:
        kind: The way.
        bounds: The limits of each command with all its descendants; `none` has none.
        passed: The names of this process's environment variables that it gets beside the usual ones.
        data_folder: The site's data, which it may only read.
        readable: Further files and folders that it may only read.
        hidden: Folders that no box shows, also if they are inside of the system or of this Python; what is readable or
            writable it shows.
    """

    kind: SandboxKind = "none"
    bounds: GroupLimits = field(default_factory=GroupLimits)
    passed: tuple[str, ...] = ()
    data_folder: Path | None = None
    readable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()

    def environment(self, box: Box) -> dict[str, str]:
        """Return the environment variables of a box, without secrets of this process."""
        is_shown = self.data_folder is not None and box.has_data
        data = {"FEDNET_DATA_FOLDER": str(self.data_folder)} if is_shown else {}
        if self.kind == "none":
            return environment_without_settings() | data
        own = {"HOME": str(box.writable[0]), "TMPDIR": str(box.temporary), **_NO_CODE_OF_HOME}
        passed = self.passed if box.has_data else ()
        return environment_of_a_task(passed, installs=box.has_network) | own | data

    def start(
        self,
        command: Sequence[str],
        box: Box,
        folder: Path,
        environment: Mapping[str, str],
        keep: Sequence[int] = (),
    ) -> Supervised:
        """Start a command in a box.

        Args:
            command: The program and its arguments.
            box: The box.
            folder: The current folder of the command.
            environment: Its environment, from `environment`.
            keep: Descriptors that it inherits.

        Raises:
            OSError: It cannot be started.
        """
        return self.start_ours(
            [*self.prefix(box, folder), *command], box, folder, environment, keep
        )

    def start_ours(
        self,
        command: Sequence[str],
        box: Box,
        folder: Path,
        environment: Mapping[str, str],
        keep: Sequence[int] = (),
    ) -> Supervised:
        """Start a command of fednet itself, which puts others into the box by `prefix`; see `start`.

        Raises:
            OSError: It cannot be started.
        """
        return Supervised(
            command,
            folder=folder,
            environment=environment,
            bounds=GroupLimits() if self.kind == "none" else self.bounds,
            counted=box.writable,
            keep=keep,
            is_confined=self.kind == "process",
            relays_signals=self.kind == "bwrap",
        )

    def prefix(self, box: Box, folder: Path) -> list[str]:
        """Return the command that puts another one into a box; empty where there is no box."""
        if self.kind != "bwrap":
            return []
        data = (self.data_folder,) if self.data_folder else ()
        own = (*self.readable, *data) if box.has_data else ()
        return bwrap_command(
            readable=(*own, *box.readable),
            writable=box.writable,
            hidden=self.hidden,
            folder=folder,
            memory_bytes=self.bounds.memory_bytes,
            has_network=box.has_network,
        )

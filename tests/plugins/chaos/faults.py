"""The faults of a process, a link, a disk or a store, and their ends."""

import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from servers.process import free_port

from fednet import limits

from .network import ProcessNetwork

AWAY_SECONDS = 12.0  # longer than a lease, and than the pauses between attempts
LONG_AWAY_SECONDS = 30.0
FULL_DISK_BYTES = 256 * limits.KIB  # logs and answers still fit, models do not
Act: TypeAlias = Callable[[ProcessNetwork, str], None]
"""A change to the process, link, disk or store of this name."""


@dataclass(frozen=True)
class Fault:
    """A fault that lasts for a while.

    Attributes:
        begin: Brings it about.
        end: Ends it.
        seconds: How long it lasts at least; clients go on meanwhile.
        says: The words by which the victim's own log then names it, by victim.
    """

    begin: Act
    end: Act = lambda _network, _name: None
    seconds: float = 0.0
    says: Mapping[str, str] = field(default_factory=dict)


def _nothing(_network: ProcessNetwork, _name: str) -> None:
    """Let everything go its way."""


def _kill(network: ProcessNetwork, name: str) -> None:
    network.processes[name].kill()


def _start(network: ProcessNetwork, name: str) -> None:
    network.processes[name].start()


def _start_elsewhere(network: ProcessNetwork, name: str) -> None:
    """Start a combiner under another address, which its link does not lead to."""
    network.processes[name].start("--port", str(free_port()), "--advertise-host", "127.0.0.2")


def _terminate(network: ProcessNetwork, name: str) -> None:
    network.processes[name].terminate()


def _stop(network: ProcessNetwork, name: str) -> None:
    network.processes[name].stop()


def _go_on(network: ProcessNetwork, name: str) -> None:
    network.processes[name].go_on()


def _cut(network: ProcessNetwork, name: str) -> None:
    network.links[name].cut()


def _stall(network: ProcessNetwork, name: str) -> None:
    network.links[name].stall()


def _refuse(network: ProcessNetwork, name: str) -> None:
    network.links[name].refuse()


def _restore(network: ProcessNetwork, name: str) -> None:
    network.links[name].restore()


def _fill_disk(network: ProcessNetwork, name: str) -> None:
    network.processes[name].limit_files(FULL_DISK_BYTES)


def _free_disk(network: ProcessNetwork, name: str) -> None:
    network.processes[name].limit_files(resource.RLIM_INFINITY)


def _cut_power(network: ProcessNetwork, name: str) -> None:
    """Kill it, and put zeros in the place of bytes that its disk had not kept."""
    network.processes[name].kill()
    damaged = [path for path in _large_files(network.folder_of(name)) if _put_zeros_into(path)]
    assert damaged, f"{name} has no file to damage"


def _large_files(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_size > 2 * limits.MIB
    ]


def _put_zeros_into(path: Path) -> bool:
    with path.open("r+b") as file:
        file.seek(limits.MIB // 2)
        return file.write(bytes(limits.MIB)) > 0


_FULL_DISK_SAYS = {
    "controller-1": "waits for the state store",
    "combiner-1": "the combiner cannot write into",
    "client-1": "is full: make room on it",
}

FAULTS: dict[str, Fault] = {
    "none": Fault(_nothing),
    "kill -9 and return": Fault(_kill, _start),
    "kill -9 and return elsewhere": Fault(_kill, _start_elsewhere),
    "kill -9 for good": Fault(_kill),
    "SIGTERM and return": Fault(_terminate, _start),
    "SIGSTOP": Fault(_stop, _go_on, AWAY_SECONDS),
    "SIGSTOP for 30 s": Fault(_stop, _go_on, LONG_AWAY_SECONDS),
    "power cut": Fault(_cut_power, _start, says={"combiner-1": "is damaged: it is deleted"}),
    "disk full": Fault(_fill_disk, _free_disk, AWAY_SECONDS, _FULL_DISK_SAYS),
    "link cut": Fault(_cut),
    "link stalled": Fault(_stall, _restore, AWAY_SECONDS),
    "link refused": Fault(_refuse, _restore, AWAY_SECONDS),
    "crash, and back after 12 s": Fault(_kill, _start, AWAY_SECONDS),
}

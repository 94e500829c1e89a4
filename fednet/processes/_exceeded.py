"""The words for a command that was ended beyond one of its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fednet.processes._supervised import GroupLimits

_UNITS: Final = {
    "memory_bytes": "bytes of memory",
    "processes": "processes and threads",
    "disk_bytes": "bytes of files",
    "files": "files",
    "cpu_seconds": "seconds of processor time",
}


def used_beyond(exceeded: str, bounds: GroupLimits) -> str:
    """Return a part of a sentence such as "used more than 5 files".

    Args:
        exceeded: The name of the limit, a field of `GroupLimits`.
        bounds: The limits.
    """
    return f"used more than {getattr(bounds, exceeded)} {_UNITS[exceeded]}"

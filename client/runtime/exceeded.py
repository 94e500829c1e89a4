"""The words for a task that was ended beyond a limit of its site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fednet.processes import used_beyond

if TYPE_CHECKING:
    from fednet.processes import GroupLimits

# By the field of `GroupLimits`.
_SETTINGS: Final = {
    "memory_bytes": "task_memory_bytes_max",
    "processes": "task_processes_max",
    "disk_bytes": "task_disk_bytes_max",
    "cpu_seconds": "task_cpu_seconds_max",
}


def beyond_limit(exceeded: str, bounds: GroupLimits) -> str:
    """Return the end of a sentence about a task that was ended beyond a limit.

    Args:
        exceeded: The name of the limit, a field of `GroupLimits`.
        bounds: The limits.
    """
    setting = _SETTINGS.get(exceeded)
    advice = f" (the client's setting {setting})" if setting else ""
    return f"{used_beyond(exceeded, bounds)}{advice} and was stopped."

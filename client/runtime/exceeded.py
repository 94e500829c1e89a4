"""The words for a task that was ended beyond a limit of its site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fednet.processes import GroupLimits

# By the field of `GroupLimits`: the words after the number, and the setting.
_WORDS: Final = {
    "memory_bytes": ("bytes of memory", "task_memory_bytes_max"),
    "processes": ("processes and threads", "task_processes_max"),
    "disk_bytes": ("bytes of files", "task_disk_bytes_max"),
    "files": ("files", None),
    "cpu_seconds": ("seconds of processor time", "task_cpu_seconds_max"),
}


def beyond_limit(exceeded: str, bounds: GroupLimits) -> str:
    """Return the end of a sentence about a task that was ended beyond a limit.

    Args:
        exceeded: The name of the limit, a field of `GroupLimits`.
        bounds: The limits.
    """
    words, setting = _WORDS[exceeded]
    advice = f" (the client's setting {setting})" if setting else ""
    return f"used more than {getattr(bounds, exceeded):g} {words}{advice} and was stopped."

"""The files and connections that this process may open."""

from __future__ import annotations

import logging
import resource

from fednet import limits

_log = logging.getLogger(__name__)


def descriptors_for(connections: int, setting: str, each: int = 1) -> int:
    """Return the number of connections that this process can hold; raise its limit of open files if that helps.

    If there are fewer than asked for, the log says so, and how to get more.

    Args:
        connections: The number that is asked for.
        setting: The setting that asks for it, for the log.
        each: The number of open files for one connection, itself included.
    """
    needed = connections * each + limits.own_descriptors
    allowed = _raised(needed)
    if allowed >= needed:
        return connections
    possible = max(allowed - limits.own_descriptors, allowed // 2) // each
    _log.warning(
        "this process may open %d files: of %s=%d connections %d are possible. "
        "Allow %d open files, for example with `ulimit -n %d`",
        allowed, setting, connections, possible, needed, needed,
    )  # fmt: skip
    return possible


def _raised(needed: int) -> int:
    """Raise the limit of open files towards the needed number; return the limit that holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return needed
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return soft
    return wanted

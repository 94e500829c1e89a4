"""The files and connections that this process may open."""

from __future__ import annotations

import logging
import resource

from fednet import limits

_log = logging.getLogger(__name__)


def descriptors_for(connections: int, setting: str) -> int:
    """Return the number of connections that this process can hold; raise its limit of open files if that helps.

    If there are fewer than asked for, the log says so, and how to get more. Where it is possible, each connection can
    have a file beside it.

    Args:
        connections: The number that is asked for.
        setting: The setting that asks for it, for the log.
    """
    needed = connections + limits.own_descriptors
    allowed = _raised(2 * connections + limits.own_descriptors)
    if allowed >= needed:
        return connections
    possible = max(allowed - limits.own_descriptors, allowed // 2)
    _log.warning(
        "this process may open %d files, so at most %d connections are possible instead of %d (%s). "
        "Allow %d open files, for example with `ulimit -n %d`",
        allowed, possible, connections, setting, needed, needed,
    )  # fmt: skip
    return possible


def _raised(wanted: int) -> int:
    """Raise the limit of open files towards the wanted number; return the limit that holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    higher = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (higher, hard))
    except (OSError, ValueError):
        return soft
    return higher

"""The choice of a sandbox: the best one that works on this machine, or the one that the site asks for."""

from __future__ import annotations

import logging
from typing import Final, Literal

from fednet.errors import FailedPrecondition
from fednet.sandbox._box import SandboxKind
from fednet.sandbox._bwrap import probe

_log = logging.getLogger(__name__)

_PROTECTION: Final[dict[SandboxKind, str]] = {
    "bwrap": "it has no network, and sees nothing but the system (read-only), its own folders and the data folder",
    "process": "it has limits and few environment variables, but may read what this user may read, the credentials "
    "of this agent among it, and use the network",
    "none": "it has no limits, and gets the whole environment of this process",
}


def choose_sandbox(wanted: Literal["auto", "bwrap", "process", "none"], what: str) -> SandboxKind:
    """Return the kind of sandbox for code from afar, and log what it protects.

    Args:
        wanted: The setting.
        what: The code that runs in it, for the log, such as "packages".

    Raises:
        FailedPrecondition: `bwrap` is asked for and cannot be used; the field is `sandbox`.
    """
    problem = probe() if wanted in {"auto", "bwrap"} else ""
    if wanted == "bwrap" and problem:
        raise FailedPrecondition(
            f"The sandbox bwrap cannot be used: {problem}. Install bubblewrap (Debian: apt install bubblewrap) and "
            "allow user namespaces, or set sandbox to process.",
            field="sandbox",
        )
    kind: SandboxKind = wanted if wanted != "auto" else "process" if problem else "bwrap"
    level = logging.INFO if kind == "bwrap" else logging.WARNING
    reason = f" ({problem})" if problem else ""
    _log.log(level, "%s run in the sandbox %s%s: %s", what, kind, reason, _PROTECTION[kind])
    return kind

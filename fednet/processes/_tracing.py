"""The protection of this process against others of the same user."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # of <linux/prctl.h>


def forbid_tracing() -> None:
    """Let no other process of this user trace this one, or read its memory and environment in /proc; root still may.

    Its children may be traced again as soon as they run another program. Only Linux can do it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

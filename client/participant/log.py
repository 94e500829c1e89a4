"""The log of participants: the logger `participant`, with the level that XAYNET_CLIENT names."""

from __future__ import annotations

import logging
from typing import Final

from fednet.environment import participant_level_from_environment

LOG: Final = logging.getLogger("participant")
TRACE: Final = 5
_LEVELS: Final = {
    "error": logging.ERROR,
    "warn": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE,
}


def follow_environment() -> None:
    """Set the level by XAYNET_CLIENT; without any handler of the program, write to stderr."""
    name = participant_level_from_environment()
    if name is None:
        return
    if name.lower() not in _LEVELS:
        LOG.warning("XAYNET_CLIENT is %r; it is one of %s", name, ", ".join(_LEVELS))
        return
    logging.addLevelName(TRACE, "TRACE")
    LOG.setLevel(_LEVELS[name.lower()])
    if not LOG.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        LOG.addHandler(handler)

"""The options of a session in FEDn's words, both ways; their declaration has the names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fednet.contract import SessionOptions, options_of

_OURS: Final = {
    option.traits.fedn: option.name for option in options_of(SessionOptions) if option.traits.fedn
}
"""Our name of each option that FEDn shows, by FEDn's."""


def in_our_words(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with our names; FEDn sends some options under names that are ours, too."""
    return {_OURS.get(name, name): value for name, value in config.items()}


def in_fedns_words(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that FEDn shows, under FEDn's names."""
    return {theirs: options.get(ours) for theirs, ours in _OURS.items()}


def with_clients_enough(asked: SessionOptions) -> SessionOptions:
    """Return options that request as many clients as they require or wait for: FEDn never read requested_clients."""
    enough = max(asked.requested_clients, asked.min_clients, asked.round_buffer_size)
    return asked.model_copy(update={"requested_clients": enough})

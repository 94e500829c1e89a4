"""The generated part of docs/secure-aggregation.md, made from the declaration of the option secure."""

from __future__ import annotations

from sessions_page import options_table

from fednet.contract import SecureOptions


def part() -> str:
    """Return the table of the option's values."""
    return options_table(SecureOptions)

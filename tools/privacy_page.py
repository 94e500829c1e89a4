"""The generated part of docs/privacy.md, made from the declaration of the option dp."""

from __future__ import annotations

from sessions_page import options_table

from fednet.contract import PrivacyOptions


def part() -> str:
    """Return the table of the option's values."""
    return options_table(PrivacyOptions)

"""The check of numbers in what people give: Python counts True as 1."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BeforeValidator


def _is_no_truth_value(given: Any) -> Any:
    """Refuse a truth value: its sender has mixed up two options."""
    if isinstance(given, bool):
        raise ValueError("this is a number, not true or false")  # noqa: TRY004  pydantic takes no TypeError
    return given


NO_TRUTH_VALUE: Final = BeforeValidator(_is_no_truth_value)
"""The annotation of a field that takes a number."""

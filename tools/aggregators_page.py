"""The generated part of docs/aggregators.md, made from the aggregators."""

from __future__ import annotations

import inspect
from typing import Any, Final

from fednet.aggregation._registry import BUILT_IN
from fednet.aggregation._settings import settings_of

_HEAD: Final = """\
| aggregator | in a sentence | updates needed | settings |
|---|---|---|---|
"""


def part() -> str:
    """Return the table of all aggregators, and a section for each."""
    kinds = [BUILT_IN[name] for name in sorted(BUILT_IN)]
    return _HEAD + "".join(map(_row, kinds)) + "".join(map(_section, kinds))


def _row(kind: Any) -> str:
    """Return an aggregator's line of the table."""
    first, *_ = inspect.cleandoc(kind.__doc__).split("\n\n")
    settings = ", ".join(f"`{name}`" for name in settings_of(kind))
    return f"| [{kind.name}](#{kind.name}) | {first} | {kind().updates_min} | {settings} |\n"


def _section(kind: Any) -> str:
    """Return an aggregator's paper, formula and settings."""
    lines = [
        f"| `{name}` | `{default!r}` | {limits.describe()} | {limits.text} |\n"
        for name, (default, limits) in settings_of(kind).items()
        if limits
    ]
    head = "\n| setting | default | values | meaning |\n|---|---|---|---|\n" if lines else ""
    return f"\n## {kind.name}\n\n{inspect.cleandoc(kind.__doc__)}\n{head}{''.join(lines)}"

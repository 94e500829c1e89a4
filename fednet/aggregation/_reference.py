"""The reference of all aggregators, made from the aggregators: `docs/aggregators.md`.

`python -m fednet.aggregation._reference > docs/aggregators.md` writes it anew; a test says when that
is due.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any, Final

from fednet.aggregation._registry import BUILT_IN
from fednet.aggregation._settings import settings_of

_INTRODUCTION: Final = """\
# Aggregators

Made from the aggregators themselves by `python -m fednet.aggregation._reference >
docs/aggregators.md`: change them, not this page.

How the updates of a round become its model. A session names one, and its settings:

```python
api.start_session(aggregator="fedopt", aggregator_kwargs={"serveropt": "yogi", "tau": 0.001})
```

Unknown settings and values beyond their limits are refused at the start, and so is a `min_clients`
below what the aggregator needs. Whatever the number of combiners, the model is the same.

| aggregator | in a sentence | updates needed | settings |
|---|---|---|---|
"""

_OF_OTHERS: Final = """
## Aggregators of others

An aggregator is a frozen dataclass that inherits from `fednet.aggregation.Aggregator`, and gives out
partials that inherit from `fednet.aggregation.Partial`; their docstrings say what each method owes.
The fields of the dataclass are its settings; `setting`, `Limits` and `check_settings` hold them to
their limits. A distribution offers it under a name of its own:

```toml
[project.entry-points."fednet.aggregators"]
trimmed_twice = "my_package:TrimmedTwice"
```

It has to be installed beside the controller and beside every combiner. A name is only ever looked
up among the installed ones; nothing that a request says is imported.
"""


def reference() -> str:
    """The whole page."""
    kinds = [BUILT_IN[name] for name in sorted(BUILT_IN)]
    table = "".join(map(_row, kinds))
    return _INTRODUCTION + table + "".join(map(_section, kinds)) + _OF_OTHERS


def _row(kind: Any) -> str:
    """An aggregator's line in the table."""
    first, *_ = inspect.cleandoc(kind.__doc__).split("\n\n")
    settings = ", ".join(f"`{name}`" for name in settings_of(kind))
    return f"| [{kind.name}](#{kind.name}) | {first} | {kind().updates_min} | {settings} |\n"


def _section(kind: Any) -> str:
    """An aggregator's paper, formula and settings."""
    lines = [
        f"| `{name}` | `{default!r}` | {limits.describe()} | {limits.text} |\n"
        for name, (default, limits) in settings_of(kind).items()
        if limits
    ]
    head = "\n| setting | default | values | meaning |\n|---|---|---|---|\n" if lines else ""
    return f"\n## {kind.name}\n\n{inspect.cleandoc(kind.__doc__)}\n{head}{''.join(lines)}"


if __name__ == "__main__":
    sys.stdout.write(reference())

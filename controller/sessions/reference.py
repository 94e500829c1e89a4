"""The reference of a session's options, made from the options: `docs/sessions.md`.

`python -m fednet.controller.sessions.reference > docs/sessions.md` writes it anew; a test says when
that is due.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from .options import SessionOptions

_BEGIN: Final = """\
# Sessions

The table is made from the options themselves by `python -m fednet.controller.sessions.reference >
docs/sessions.md`: change them, not this page.

A session is a number of rounds under one configuration. Each option has the same name wherever it is given:

```python
api.start_session(rounds=20, min_clients=3, requested_clients=10, round_timeout=600)
```

```sh
fednet session start --rounds 20 --min-clients 3 --requested-clients 10 --round-timeout 600
```

and in the JSON of `POST /api/v1/sessions/`. A wrong option is refused at the start with its name in
`field`, and nothing is written: 422 where one value is no such value, 400 where values do not go together, 409
where the network is not ready for them. An option of another name is refused, too.

| option | type | default | limits | meaning |
|---|---|---|---|---|
"""

_REST: Final = """
The aggregators and their settings stand in [aggregators.md](aggregators.md).

## Options that bound one another

- `min_clients` ≤ `requested_clients`: more cannot answer than are asked.
- `round_buffer_size` is -1, or from `min_clients` to `requested_clients`: with less the round would not count, and
  more than are asked never come in. With an aggregator that takes stale updates a client may answer more than once.
- `min_clients` is at least the number of updates that the aggregator needs, and `requested_clients` at most the number
  that it takes.
- `helper` is the format of the model to begin with, and that of the active package where a client needs it. That
  package has an entry point `train`, or an object (`client`).
- `server_functions` that choose clients or give them settings go with every aggregator. Those with `aggregate` make the
  model themselves, so they go with the default aggregator only, and with at most 500 `requested_clients`.
- `min_clients` clients that can train are connected when the session starts. A client that has registered is waited for
  a moment.

On the routes of FEDn, which never read `requested_clients`, it grows to the number that is required or waited for.

## A round

At most `requested_clients` clients are asked, or the ones that
[server functions](server-functions.md) choose. The round goes on when all have answered, when
`round_buffer_size` updates are in, or at the deadline of `round_timeout`; later updates count for nothing.
If then fewer than `min_clients` have answered, in the whole network, the attempt came to nothing: the round is
repeated, with a new draw, up to `round_retries` times; then the session is FAILED, and its `reason` says why.
While too few clients are connected it waits, and each `round_timeout` of waiting is such an attempt.

Several sessions may run at once. A client works on one task at a time, in the order in which they came.

## To repeat a draw

If more clients are connected than are asked, the clients are drawn with `seed`, the round's number and the
attempt. The same seed draws the same of the same clients, in any session of the network. Without a seed the
session's id is one.

## Updates that stay

With `delete_models`, as by default, a combiner deletes the updates of its clients as soon as the round is over.
With `delete_models=False` it moves the updates to `spool/retained/<phase id>/` in its data folder, and a status of
the session says so. `round.json` beside them names the round and the client of each. They are for people:
nothing reads them again, so they may be deleted at any time. All together take at most the combiner's
`retained_bytes_max` bytes; then the oldest go, with a warning. An update can tell something of the data that it was
trained on: retain them only where that is agreed.

## The time of a round

A round's document (`fednet round get`, `api.get_round`) has it, all in seconds:

| field | meaning |
|---|---|
| `seconds.round` | the whole round; the rest of it, beside its stages, went into messages |
| `seconds.plan` | choosing clients, server functions included, and handing out: until the last combiner had sent |
| `seconds.train` | from then until the last combiner had closed |
| `seconds.reduce` | merging, as the combiner measured that did it |
| `seconds.commit` | storing the result |
| `answer_seconds` | of the clients' `download`, `train`, `upload` and `fold` the longest (`max`) and the `sum` |

The answers themselves are documents of their own: `fednet round answers ID`, `api.get_round_answers(id)` and
`GET /api/v1/rounds/<id>/answers/` list them, page by page. Each has the client, the combiner, the `outcome` (`counted`,
`failed`, `refused`, `late` or `gone`), the reason, and the same four times in `seconds`.

`fednet session watch` shows the stages at the end, and `api.plot_rounds` draws them.
"""

_TYPES: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}
_LIMITS: Final = {
    "minimum": "at least {:,.15g}",
    "exclusiveMinimum": "above {:,.15g}",
    "maximum": "at most {:,.15g}",
    "exclusiveMaximum": "below {:,.15g}",
    "maxLength": "at most {:,.15g} characters",
    "pattern": "`{}`",
}


def reference() -> str:
    """Return the whole page."""
    options = SessionOptions.model_json_schema()["properties"]
    return _BEGIN + "".join(_row(name, option) for name, option in options.items()) + _REST


def _row(name: str, option: dict[str, Any]) -> str:
    """Return an option's line of the table."""
    value = next(iter(option.get("anyOf", [option])))  # its type besides null
    said = [words.format(value[key]) for key, words in _LIMITS.items() if key in value]
    cells = (f"`{name}`", _TYPES[value["type"]], _default(option), ", ".join(said))
    return f"| {' | '.join(cells)} | {' '.join(option['description'].split())} |\n"


def _default(option: dict[str, Any]) -> str:
    return "" if option["default"] is None else f"`{option['default']}`"


if __name__ == "__main__":
    sys.stdout.write(reference())

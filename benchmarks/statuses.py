"""The time for a page of 100 statuses among 100,000: over HTTP, and in the store alone.

The controller is a process of its own, on SQLite or on a given empty store. Each query is repeated; the median
is printed. `page` is the list of 100 statuses alone, `count` the number of all that match the filter, which every list
reports.

    python benchmarks/statuses.py [--state-store URL] [--statuses 100000] [--repeats 30] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fednet.controller.records import COLLECTIONS, new_id
from fednet.http import Http
from fednet.settings import ControllerSettings
from fednet.storage import Document, Documents, Query, open_documents

PAGE = 100
BATCH = 5_000


@dataclass(frozen=True)
class Case:
    """A query of a user who browses the statuses."""

    name: str
    where: dict[str, Any] = field(default_factory=dict)
    sort: str | None = None

    @property
    def query(self) -> Query:
        """The query for the store."""
        return Query(where=self.where, sort=self.sort, descending=True, limit=PAGE)

    @property
    def headers(self) -> dict[str, str]:
        """The headers for the REST API, in addition to the filters in the URL."""
        return {"X-Limit": str(PAGE)} | ({"X-Sort-Key": self.sort} if self.sort else {})


CASES = (
    Case("newest"),
    Case("of a type (1 in 3)", {"type": "MODEL_UPDATE"}),
    Case("of a session (1 in 10)", {"session_id": "session-3"}),
    Case("of a client (1 in 100)", {"source.name": "client-7"}),
    Case("of a task (one)", {"task_id": "task-7"}),
    Case("of a kind of source (all)", {"source.kind": "client"}),
    Case("by time", sort="timestamp"),
    Case("of a session, by time", {"session_id": "session-3"}, "timestamp"),
    Case("of a session and a client", {"session_id": "session-3", "source.name": "client-7"}),
)


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="fednet-") as folder:
        settings = ControllerSettings(data_dir=Path(folder), state_store=options.state_store)
        with closing(open_documents(settings.state_store_url, COLLECTIONS)) as documents:
            _fill(documents, options.statuses)
            rows = [_in_the_store(documents, case, options.repeats) for case in CASES]
        with _controller(folder, settings.state_store_url) as http:
            for row, case in zip(rows, CASES, strict=True):
                row["http_ms"] = _over_http(http, case, options.repeats)
    print(json.dumps(rows) if options.json else _table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state-store", metavar="URL")
    parser.add_argument("--statuses", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _fill(documents: Documents, count: int) -> None:
    print(f"filling the store with {count:,} statuses ...", file=sys.stderr)
    for start in range(0, count, BATCH):
        batch = [_status(number, count) for number in range(start, min(start + BATCH, count))]
        documents.insert_missing("statuses", batch)


def _status(number: int, count: int) -> Document:
    kinds = ("MODEL_UPDATE_REQUEST", "MODEL_UPDATE", "MODEL_VALIDATION")
    return {
        "id": new_id(),
        "type": kinds[number % 3],
        "log_level": "AUDIT",
        "status": "Model update folded.",
        "data": json.dumps({"round": number // 1000, "num_examples": 120, "client": "client-7"}),
        "timestamp": f"2026-01-01T{number:012d}Z",
        "task_id": f"task-{number}",
        "session_id": f"session-{number * 10 // count}",
        "extra": "",
        "source": {"kind": "client", "name": f"client-{number % 100}", "id": ""},
    }


def _in_the_store(documents: Documents, case: Case, repeats: int) -> dict[str, Any]:
    return {
        "case": case.name,
        "page_ms": _median_ms(lambda: documents.find("statuses", case.query), repeats),
        "count_ms": _median_ms(lambda: documents.count("statuses", case.query), repeats),
    }


@contextmanager
def _controller(data_dir: str, state_store: str) -> Iterator[Http]:
    """Give a connection to a controller that runs while the block lasts."""
    command = [sys.executable, "-m", "fednet", "controller", "start", "--announce"]
    command += ["--port", "0", "--data-dir", data_dir, "--state-store", state_store]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            announced = json.loads(process.stdout.readline())
            with closing(Http(announced["api_url"], announced["token"])) as http:
                yield http
        finally:
            process.terminate()


def _over_http(http: Http, case: Case, repeats: int) -> float:
    """Return the median time of a whole call on an open connection, in milliseconds."""
    ask = partial(http.call, "GET", "/api/v1/statuses/", query=case.where, headers=case.headers)
    return _median_ms(ask, repeats)


def _median_ms(work: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return round(1000 * statistics.median(seconds), 2)


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [f"{'median ms':28}{'HTTP':>8}{'page':>8}{'count':>8}"]
    lines += [
        f"{row['case']:28}{row['http_ms']:8.2f}{row['page_ms']:8.2f}{row['count_ms']:8.2f}"
        for row in rows
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""The controller's CPU time for one answer of a client: in rounds of 100 answers, and in a round of 10,000.

The controller is a process of its own, on SQLite or on a given empty store. The clients are simulated: they answer a
combiner at once, without training and without connections. For each size the network has as many clients as a round
has answers. A session's cost is the controller's user and system time from its start to its end, minus the fixed cost
of its rounds, which is that of rounds with one answer in a network of one client. The rest is divided by the number of
answers. So everything that grows with the clients counts, also the selection of clients.

    python benchmarks/answers.py [--sizes 100 10000 20000] [--repeats 3] [--state-store URL] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from simulated.clients import combiner_of

from fednet import APIClient
from fednet.controller.records import COLLECTIONS, new_id, timestamp
from fednet.parameters import write_model
from fednet.settings import ControllerSettings
from fednet.storage import open_documents

ANSWERS = 5_000
"""The smallest number of answers of one measurement; it has as many rounds as that takes."""

FIXED_ROUNDS = 100
PARAMETERS = 10
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    options = _options()
    fixed = _median(1, FIXED_ROUNDS, options) / FIXED_ROUNDS
    rows = [_row(size, fixed, options) for size in options.sizes]
    print(json.dumps(rows) if options.json else _table(rows, fixed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 10_000, 20_000])
    parser.add_argument("--repeats", type=int, default=3, help="sessions of each size")
    parser.add_argument("--state-store", metavar="URL")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _row(size: int, fixed: float, options: argparse.Namespace) -> dict[str, Any]:
    rounds = max(1, ANSWERS // size)
    seconds = _median(size, rounds, options)
    print(f"{rounds} rounds of {size:,} answers: {seconds:.2f} s", file=sys.stderr)
    return {
        "answers_in_a_round": size,
        "rounds": rounds,
        "cpu_seconds": round(seconds, 2),
        "us_per_answer": round(1e6 * (seconds - rounds * fixed) / (rounds * size)),
    }


def _median(size: int, rounds: int, options: argparse.Namespace) -> float:
    """Return the controller's CPU seconds for a session; the median of several in one network."""
    with tempfile.TemporaryDirectory(prefix="fednet-") as folder:
        settings = ControllerSettings(data_dir=Path(folder), state_store=options.state_store)
        client_ids = _registered(settings, size)
        with (
            _controller(folder, settings.state_store_url) as (process, announced),
            combiner_of(
                announced["api_url"], announced["token"], Path(folder), client_ids, PARAMETERS
            ),
            closing(APIClient(announced["api_url"], token=announced["token"])) as api,
        ):
            _set_model(api, Path(folder))
            _wait_for_clients(api, size)
            _run(api, size, 1)  # so that everything is loaded
            return statistics.median(
                _measured(process, api, size, rounds) for _ in range(options.repeats)
            )


def _registered(settings: ControllerSettings, size: int) -> list[str]:
    """Write the documents of registered clients; return their ids."""
    client_ids = [new_id() for _ in range(size)]
    clients = [
        {
            "id": client_id,
            "name": f"client-{number}",
            "combiner": "combiner",
            "preferred_combiner": None,
            "ip": "127.0.0.1",
            "status": "available",
            "needs_package": False,
            "updated_at": timestamp(),
        }
        for number, client_id in enumerate(client_ids)
    ]
    with closing(open_documents(settings.state_store_url, COLLECTIONS)) as documents:
        for first in range(0, size, ANSWERS):
            documents.insert_missing("clients", clients[first : first + ANSWERS])
    return client_ids


@contextmanager
def _controller(
    data_dir: str, state_store: str
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    command = [sys.executable, "-m", "fednet", "controller", "start", "--announce"]
    command += ["--port", "0", "--data-dir", data_dir, "--state-store", state_store]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.terminate()


def _set_model(api: APIClient, folder: Path) -> None:
    write_model(folder / "seed.npz", [np.zeros(PARAMETERS, np.float32)])
    api.set_active_model(str(folder / "seed.npz"))


def _wait_for_clients(api: APIClient, size: int) -> None:
    """Wait until all clients have joined and cause no more work for the controller."""
    number = 0
    while api.get_active_clients(n_max=1)["count"] < size:
        number = api.get_feed(number, kinds=["client_joined"], seconds=30)["next"]


def _measured(process: subprocess.Popen[bytes], api: APIClient, size: int, rounds: int) -> float:
    before = _cpu_seconds(process.pid)
    _run(api, size, rounds)
    return _cpu_seconds(process.pid) - before


def _run(api: APIClient, size: int, rounds: int) -> None:
    """Run a session in which every client answers in every round."""
    started = api.start_session(
        rounds=rounds,
        min_clients=size,
        requested_clients=size,
        round_timeout=3_600,
        round_retries=0,
        validate=False,
    )
    session = api.wait_session(started["session_id"])
    assert session["status"] == "FINISHED", session["reason"]
    [last] = api.get_rounds(n_max=1)["result"]
    assert last["updates"] == size, last


def _cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process, as Linux counts it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _table(rows: list[dict[str, Any]], fixed: float) -> str:
    first = rows[0]["us_per_answer"]
    lines = [f"{'answers in a round':>18}{'rounds':>8}{'CPU s':>8}{'µs an answer':>14}{'ratio':>7}"]
    lines += [
        f"{row['answers_in_a_round']:18,}{row['rounds']:8}{row['cpu_seconds']:8.2f}"
        f"{row['us_per_answer']:14,}{row['us_per_answer'] / first:7.2f}"
        for row in rows
    ]
    return "\n".join([*lines, f"fixed cost of a round: {1000 * fixed:.1f} ms"])


if __name__ == "__main__":
    main()

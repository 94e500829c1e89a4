"""The duration of a round without computation: a 10 kB model, clients that answer at once.

Everything runs as it does in production: a controller, combiners and clients, each a process of its own on the
loopback interface. The same session is run several times; the median over its rounds is printed.

    python benchmarks/rounds.py [--clients 5] [--combiners 2] [--rounds 50] [--parameters 2500] [--json]
        [--blob-store s3://…] [--transfer auto|grpc|object-store]
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from fednet import APIClient
from fednet.parameters import write_model

CLIENT = """
import sys
from fednet.client import Client
client = Client(sys.argv[1], name=sys.argv[2], token=sys.argv[3], transfer=sys.argv[4])
client.train(lambda parameters, settings: (parameters, {"num_examples": 1}))
client.validate(lambda parameters, settings: {"accuracy": 1.0, "num_examples": 1})
client.run()
"""


def main() -> None:
    """Measure and print."""
    options = _options()
    with _network(options) as network, _clients(network, options):
        api = APIClient(network["api_url"], token=network["token"])
        seconds = _seconds_of_rounds(api, options)
    result = {
        "clients": options.clients,
        "combiners": options.combiners,
        "model_bytes": options.parameters * 4,
        "transfer": options.transfer,
        "validate": options.validate,
        "round_ms_median": round(1000 * statistics.median(seconds), 1),
        "round_ms_90th": round(1000 * statistics.quantiles(seconds, n=10)[-1], 1),
    }
    print(json.dumps(result) if options.json else _table(result))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=5)
    parser.add_argument("--combiners", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--parameters", type=int, default=2_500, help="float32 values in the model")
    parser.add_argument("--blob-store", help="the URL of the blob store; by default a folder")
    parser.add_argument("--transfer", default="auto", help="the way of the clients' files")
    parser.add_argument("--no-validate", dest="validate", action="store_false")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextlib.contextmanager
def _network(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fednet", "up", "--json", "--data-dir", folder]
        command += ["--port", "0", "--combiner-port", "0", "--combiners", str(options.combiners)]
        command += ["--blob-store", options.blob_store] if options.blob_store else []
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            try:
                yield json.loads(process.stdout.readline())
            finally:
                process.terminate()


@contextlib.contextmanager
def _clients(network: dict[str, Any], options: argparse.Namespace) -> Iterator[None]:
    arguments = [network["api_url"], "{name}", network["token"], options.transfer]
    processes = []
    try:
        for number in range(options.clients):
            named = [each.format(name=f"client-{number}") for each in arguments]
            processes.append(subprocess.Popen([sys.executable, "-c", CLIENT, *named]))
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _seconds_of_rounds(api: APIClient, options: argparse.Namespace) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "seed.npz"
        write_model(seed, [np.zeros(options.parameters, np.float32)])
        api.set_active_model(str(seed))
    _wait_for_clients(api, options.clients)
    started = api.start_session(
        rounds=options.rounds,
        min_clients=options.clients,
        requested_clients=options.clients,
        validate=options.validate,
    )
    session = api.wait_session(started["session_id"])
    assert session["status"] == "FINISHED", session["reason"]
    rounds = api.get_rounds(n_max=options.rounds)["result"]
    starts = sorted(datetime.fromisoformat(each["started_at"]) for each in rounds)
    return [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(starts)]


def _wait_for_clients(api: APIClient, count: int) -> None:
    """Start a session that needs all clients until it is accepted: it is refused while one is missing."""
    while True:
        online = [each for each in api.get_clients()["result"] if each["status"] == "online"]
        if len(online) == count:
            return


def _table(result: dict[str, Any]) -> str:
    return "\n".join(f"{name:18} {value}" for name, value in result.items())


if __name__ == "__main__":
    main()

"""Many clients on one combiner: CPU time for a client and round, and the return of all after the combiner's death.

The clients are real ones, many in each of a few processes. First they work in a session with a small model. Then, in
another session, the combiner is killed and started again, as `fednet up` does it by itself; the benchmark waits until
all clients are connected again, and until the session has finished.

    python benchmarks/many.py [--clients 1000] [--processes 4] [--rounds 5] [--parameters 2500] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from collections.abc import Sequence
from typing import Any

from systems.network import Network, RunningNetwork, Servers, wait_for_clients
from systems.usage import Usage

from fednet import APIClient


def main() -> None:
    """Measure and print."""
    options = _options()
    network = Network()
    with network.serving(options.parameters) as servers:
        began = time.monotonic()
        with network.clients(servers, options.clients, options.processes) as clients:
            result: dict[str, Any] = {"clients": options.clients}
            result["join_seconds"] = round(time.monotonic() - began, 1)
            result |= _work(servers, clients, options)
            result |= _return(servers, options)
    print(json.dumps(result) if options.json else _table(result))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=4, help="of the clients")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--parameters", type=int, default=2_500, help="float32 values in the model")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _work(servers: Servers, clients: Sequence[int], options: argparse.Namespace) -> dict[str, Any]:
    """Return the CPU milliseconds of each role for one client in one round."""
    running = RunningNetwork(servers.api, servers.pids, options.clients, {})
    running.run(1)  # so that everything is loaded
    with Usage({**servers.pids, "client": clients}) as usage:
        done = running.run(options.rounds)
    answers = done.count * options.clients
    return {
        "round_seconds": round(sum(done.seconds) / len(done.seconds), 2),
        "cpu_ms": {
            role: round(1000 * seconds / answers, 2) for role, seconds in usage.cpu_seconds.items()
        },
    }


def _return(servers: Servers, options: argparse.Namespace) -> dict[str, Any]:
    """Kill the combiner in a session; return the seconds until all clients are back, and until its end."""
    api = servers.api
    started = api.start_session(
        rounds=3 + 400 // options.clients,  # the combiner dies in the second one
        min_clients=options.clients,
        requested_clients=options.clients,
        round_timeout=600,
        validate=False,
    )
    number = _after_first_round(api, started["session_id"])
    began = time.monotonic()
    os.kill(servers.pids["combiner"][0], signal.SIGKILL)
    number = _await_entry(api, number, "combiner_down")
    number = _await_entry(api, number, "combiner_up")
    restarted = time.monotonic()
    wait_for_clients(api, options.clients, number)
    returned = time.monotonic()
    session = api.wait_session(started["session_id"])
    assert session["status"] == "FINISHED", session["reason"]
    return {
        "combiner_back_seconds": round(restarted - began, 1),
        "clients_back_seconds": round(returned - began, 1),
        "session_done_seconds": round(time.monotonic() - began, 1),
    }


def _after_first_round(api: APIClient, session_id: str) -> int:
    """Block until a session has finished a round; return the feed's number of that moment."""
    number = 0
    while not api.get_rounds(session_id=session_id, status="Finished")["count"]:
        number = api.get_feed(number, kinds=["session_changed"], session_id=session_id, seconds=30)[
            "next"
        ]
    return number


def _await_entry(api: APIClient, number: int, kind: str) -> int:
    """Block until the feed has an entry of a kind after a number; return the number to go on after."""
    while True:
        page = api.get_feed(number, kinds=[kind], seconds=30)
        number = page["next"]
        if page["entries"]:
            return number


def _table(result: dict[str, Any]) -> str:
    return "\n".join(f"{name:28} {value}" for name, value in result.items())


if __name__ == "__main__":
    main()

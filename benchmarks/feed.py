"""The cost of joining clients and of waiting listeners for a controller.

A controller with SQLite runs in this process, with a combiner without work. While three sessions train, 1,000 clients
join: their news is fed in groups into the place where the combiner's stream delivers it. The figure is the CPU time of
all threads until each session knows the last client and the feed has its entry. The earlier registration over REST does
not count. Then 1,000 listeners follow the feed as server-sent events, one client leaves, and all listeners hear of it.

    python benchmarks/feed.py [--clients 1000] [--together 10] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fednet.controller.feed.entries import EntryKind, Interest
from fednet.controller.records import Records
from fednet.controller.sessions.engine import from_combiners
from fednet.parameters import write_model
from fednet.testing import Network
from fednet.wire import rounds_pb2, tasks_pb2

SESSIONS = 3
SECONDS_MAX = 120.0
COMBINER = "combiner-1"


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="fednet-") as folder, Network() as network:
        may_end = threading.Event()
        _start_sessions(network, Path(folder), may_end)
        ids = _register(network._controller._engine._records, options.clients)
        found = _join(network, ids, options.together)
        found |= _listen(network, options.clients)
        may_end.set()
    print(json.dumps(found) if options.json else "\n".join(f"{k}: {v}" for k, v in found.items()))


def _options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--together", type=int, default=10, help="news that come together")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _start_sessions(network: Network, folder: Path, may_end: threading.Event) -> None:
    """Let one client train for all sessions until it may end."""
    is_training = threading.Event()

    def train(parameters: Any, _settings: Any) -> Any:
        is_training.set()
        may_end.wait(SECONDS_MAX)
        return parameters, {"num_examples": 1}

    write_model(folder / "seed.npz", [np.zeros(4, np.float32)])
    network.add_client("trainer", train=train)
    network.api.set_active_model(str(folder / "seed.npz"))
    for number in range(SESSIONS):
        network.api.start_session(f"session-{number}", rounds=1, validate=False)
    assert is_training.wait(SECONDS_MAX)


def _register(records: Records, count: int) -> list[str]:
    ids = [f"client-{number}" for number in range(count)]
    for id_ in ids:
        client = {"id": id_, "name": id_, "combiner": COMBINER, "status": "available"}
        records.insert("clients", client)
    return ids


def _join(network: Network, ids: Sequence[str], together: int) -> dict[str, Any]:
    engine = network._controller._engine
    joins = [
        rounds_pb2.Event(
            client_id=id_, client_joined=rounds_pb2.Capabilities(kinds=[tasks_pb2.TRAIN])
        )
        for id_ in ids
    ]
    before = time.process_time()
    for first in range(0, len(joins), together):
        batch = [from_combiners.read(COMBINER, event) for event in joins[first : first + together]]
        engine._intake.absorb(COMBINER, batch)
    _wait_for_entry(network, ids[-1])
    for actor in engine._running.actors():
        while actor._machine._network.count("TRAIN") < len(ids):
            threading.Event().wait(0.01)
    cpu_ms = (time.process_time() - before) / len(ids) * 1_000
    return {"clients": len(ids), "sessions": SESSIONS, "cpu_ms_per_join": round(cpu_ms, 3)}


def _wait_for_entry(network: Network, client: str) -> None:
    """Wait until the feed has the entry of a client."""
    feed, after = network._controller._engine._feed, 0
    while True:
        listener = feed.listen(Interest())
        assert listener
        page = feed.after(after)
        if any(entry.ids.get("client_id") == client for entry in page.entries):
            listener.close()
            return
        if page.next == after:
            assert listener.wait(SECONDS_MAX)
        listener.close()
        after = page.next


def _listen(network: Network, count: int) -> dict[str, Any]:
    feed = network._controller._engine._feed
    host, _, port = network.api_url.removeprefix("http://").partition(":")
    request = (
        f"GET /api/v1/feed?after={feed.head} HTTP/1.1\r\nHost: {host}\r\n"
        f"Accept: text/event-stream\r\nAuthorization: Bearer {network.token}\r\n\r\n"
    )
    threads, memory = threading.active_count(), _memory_mb()
    listeners = [socket.create_connection((host, int(port))) for _ in range(count)]
    for each in listeners:
        each.sendall(request.encode())
    for each in listeners:
        assert each.recv(4096).startswith(b"HTTP/1.1 200")
    found = {
        "listeners": count,
        "more_threads": threading.active_count() - threads,
        "more_memory_mb": round(_memory_mb() - memory, 1),
    }
    before = time.process_time()
    feed.append(EntryKind.CLIENT_LEFT, client_id="client-0", combiner=COMBINER)
    for each in listeners:
        while b"client_left" not in each.recv(4096):
            pass
        each.close()
    found["cpu_ms_per_event_and_listener"] = round(
        (time.process_time() - before) / count * 1_000, 3
    )
    return found


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()

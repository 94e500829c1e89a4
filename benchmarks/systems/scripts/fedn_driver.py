"""Starts sessions of FEDn, and tells when its models were committed.

    python fedn_driver.py CONTROLLER_PORT MONGO_PORT CLIENTS MODEL

It prints a line when all clients are connected. For each number on its input it runs a session with one round more, and
prints the time between the commits of their models as JSON: FEDn's API gives whole seconds, its store milliseconds.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from typing import Any

import pymongo
from fedn import APIClient

_PAUSE = threading.Event()
_PAUSE_SECONDS = 0.2


def main(controller_port: str, mongo_port: str, clients: str, model: str) -> None:
    """Run sessions until the input ends."""
    api = APIClient("127.0.0.1", int(controller_port))
    models = pymongo.MongoClient("127.0.0.1", int(mongo_port))["fedn-network"]["control.model"]
    _require(api.set_active_model(model))
    while len(_online(api)) < int(clients):
        _PAUSE.wait(_PAUSE_SECONDS)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_seconds(api, models, int(clients), int(line))), flush=True)


def _online(api: APIClient) -> list[dict[str, Any]]:
    return [each for each in api.get_clients()["result"] if each["status"] == "online"]


def _seconds(api: APIClient, models: Any, clients: int, rounds: int) -> list[float]:
    started = _require(
        api.start_session(
            name="benchmark",
            rounds=rounds + 1,
            round_timeout=3_600,
            min_clients=clients,
            requested_clients=clients,
            validate=False,
            helper="numpyhelper",
        )
    )
    of_session = {"session_id": started["session_id"]}
    while models.count_documents(of_session) < rounds + 1:
        _PAUSE.wait(_PAUSE_SECONDS)
    times = sorted(each["committed_at"] for each in models.find(of_session))
    return [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(times)]


def _require(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that says that it was done."""
    assert answer.get("success", "started" in str(answer.get("message"))), answer
    return answer


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Clients of fednet in one process that return the model unchanged, but for one value.

    python fednet_client.py API_URL TOKEN NAME…

A client fetches no model that it holds already, and an unchanged model would be one. So the first value is another in
each update.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

import numpy as np

from fednet.client import Client


def train(
    parameters: list[np.ndarray], _settings: dict[str, Any]
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Return nearly the same parameters."""
    parameters[0][0] += 1
    return parameters, {"num_examples": 1}


def main(api_url: str, token: str, *names: str) -> None:
    """Work until the network ends, each client in a thread of its own."""
    logging.getLogger("fednet").setLevel(logging.ERROR)  # a lost combiner is part of a benchmark
    threads = [threading.Thread(target=_work, args=(api_url, token, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _work(api_url: str, token: str, name: str) -> None:
    client = Client(api_url, name=name, token=token)
    client.train(train)
    client.validate(lambda _parameters, _settings: {"accuracy": 1.0, "num_examples": 1})
    client.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

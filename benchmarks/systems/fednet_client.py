"""A client process of fednet that returns the model unchanged, but for one value.

    python fednet_client.py API_URL NAME TOKEN

A client fetches no model that it holds already, and an unchanged model would be one. So the first value is another in
each update.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from fednet.client import Client


def train(
    parameters: list[np.ndarray], _settings: dict[str, Any]
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Return nearly the same parameters."""
    parameters[0][0] += 1
    return parameters, {"num_examples": 1}


def main(api_url: str, name: str, token: str) -> None:
    """Work until the network ends."""
    client = Client(api_url, name=name, token=token)
    client.train(train)
    client.validate(lambda _parameters, _settings: {"accuracy": 1.0, "num_examples": 1})
    client.run()


if __name__ == "__main__":
    main(*sys.argv[1:])

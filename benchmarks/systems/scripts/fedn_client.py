"""A client process of FEDn that returns the model unchanged.

python fedn_client.py CONTROLLER_URL NAME
"""

from __future__ import annotations

import sys
import threading
from io import BytesIO
from typing import Any

from fedn.network.clients.fedn_client import ConnectToApiResult, FednClient


def train(model: BytesIO, _settings: dict[str, Any]) -> tuple[BytesIO, dict[str, Any]]:
    """Return the same bytes."""
    return model, {"training_metadata": {"num_examples": 1}}


def main(url: str, name: str) -> None:
    """Work until the process is ended."""
    client = FednClient(train_callback=train)
    place = _place(client, url, name)
    client.init_grpchandler(config=place, client_name=name, token="")
    client.run(with_telemetry=False)


def _place(client: FednClient, url: str, name: str) -> Any:
    """Return the place that the controller gives; it refuses until a combiner has registered."""
    pause = threading.Event()
    while True:
        asked = {"name": name, "client_id": name, "package": "local", "preferred_combiner": ""}
        result, place = client.connect_to_api(url, "", asked)
        if result is ConnectToApiResult.Assigned:
            return place
        pause.wait(0.5)


if __name__ == "__main__":
    main(*sys.argv[1:])

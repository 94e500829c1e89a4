"""A client's process. Before it trains or validates it says so to the conductor, and waits until it may go on.

python -m chaos.site NAME API_URLS TOKEN DATA_DIR COMBINER TRANSFER CONDUCTOR
"""

import json
import socket
import sys

from fednet.client import Client


def main(
    name: str,
    api_url: str,
    token: str,
    data_dir: str,
    combiner: str,
    transfer: str,
    conductor: str,
) -> None:
    """Serve until the process is killed."""
    client = Client(
        api_url,
        name=name,
        token=token,
        data_dir=data_dir,
        preferred_combiner=combiner,
        transfer=transfer,
    )
    number = int(name.rpartition("-")[2])

    @client.train
    def train(parameters, settings):
        ask(conductor, name, "train", settings)
        return [array + number for array in parameters], {"num_examples": 10 * number**2}

    @client.validate
    def validate(_parameters, settings):
        ask(conductor, name, "validate", settings)
        return {"accuracy": 0.5, "num_examples": 1}

    client.run()


def ask(conductor: str, name: str, task: str, settings: dict) -> None:
    """Say what begins, and wait for leave."""
    host, _, port = conductor.rpartition(":")
    said = {"client": name, "task": task, "round": settings["round"]}
    with socket.create_connection((host, int(port))) as link, link.makefile("rw") as lines:
        lines.write(json.dumps(said) + "\n")
        lines.flush()
        lines.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])

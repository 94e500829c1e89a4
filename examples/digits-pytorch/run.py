"""Five clients learn to read digits with PyTorch, on this machine: `python run.py`.

Everything runs in this process; the clients are objects of the package's class. In a network of several machines each
site runs the package.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from fednet.examples.digits import data
from fednet.helpers import get_helper
from fednet.testing import Network

sys.path.insert(0, str(Path(__file__).with_name("client")))
from model import Client, initial

CLIENTS = 5
ROUNDS = 10
VALIDATIONS_MAX = 1000


def start(net: Network, folder: Path) -> None:
    """Split the digits between the clients, and give the network its first model."""
    for path in data.write(folder / "data", CLIENTS):
        client = Client(str(path))
        net.add_client(path.stem, train=client.train, validate=client.validate)
    net.api.set_active_model(get_helper("numpyhelper").save(initial(), folder / "seed.npz"))


def train(net: Network) -> str:
    """Run a session of all clients to its end, and return its id."""
    answer = net.api.start_session(rounds=ROUNDS, min_clients=CLIENTS)
    session = net.api.wait_session(answer["session_id"])
    if session["status"] != "FINISHED":
        raise SystemExit(f"The session is {session['status']}: {session['reason']}")
    return str(answer["session_id"])


def accuracies(net: Network, session_id: str) -> list[float]:
    """Return the accuracy on all held-out digits, round by round."""
    right: dict[str, float] = {}
    digits: dict[str, int] = {}
    newest_first = net.api.get_validations(session_id=session_id, n_max=VALIDATIONS_MAX)["result"]
    for validation in reversed(newest_first):
        model, metrics = validation["model_id"], validation["metrics"]
        count = metrics["num_examples"]
        right[model] = right.get(model, 0) + metrics["accuracy"] * count
        digits[model] = digits.get(model, 0) + count
    return [right[model] / digits[model] for model in right]


def main() -> None:
    """Train, and print the accuracy of each round's model on held-out digits."""
    with tempfile.TemporaryDirectory() as name, Network() as net:
        start(net, Path(name))
        rounds = accuracies(net, train(net))
    for number, accuracy in enumerate(rounds, start=1):
        print(f"round {number:2}: {accuracy:.4f}")


if __name__ == "__main__":
    main()

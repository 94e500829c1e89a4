"""Five clients, one of them ten times slower, with fedavg and with fedbuff: `python run.py`.

Everything runs in this process; the clients are objects of the package's class. Both sessions begin with the same model
and use the same number of updates.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fednet.examples.digits import data
from fednet.helpers import get_helper
from fednet.testing import Network

sys.path.insert(0, str(Path(__file__).with_name("client")))
from model import Client, initial

CLIENTS = 5
SLOWNESS = 10
ALPHA = 1.0  # the difference between the clients' digits; see fednet.examples.digits.data
UPDATES = 60
BUFFER_SIZE = 4


def start(net: Network, folder: Path) -> list[Client]:
    """Split the digits between the clients, of which the last is slow, and give the network its first model."""
    paths = data.write(folder / "data", CLIENTS, alpha=ALPHA)
    clients = [Client(str(path), SLOWNESS if path == paths[-1] else 1) for path in paths]
    for path, client in zip(paths, clients, strict=True):
        net.add_client(path.stem, train=client.train, validate=client.validate)
    net.api.set_active_model(get_helper("numpyhelper").save(initial(), folder / "seed.npz"))
    return clients


def train(net: Network, **options: Any) -> str:
    """Run a session to its end, and return the id of its last model."""
    answer = net.api.start_session(validate=False, **options)
    session = net.api.wait_session(answer["session_id"])
    if session["status"] != "FINISHED":
        raise SystemExit(f"The session is {session['status']}: {session['reason']}")
    return str(session["model_id"])


def accuracy(net: Network, model_id: str, clients: list[Client], path: Path) -> float:
    """Return the share of all held-out digits that a model reads correctly."""
    net.api.download_model(model_id, str(path))
    parameters = get_helper("numpyhelper").load(path)
    metrics = [client.validate(parameters, {}) for client in clients]
    right = sum(each["accuracy"] * each["num_examples"] for each in metrics)
    return float(right / sum(each["num_examples"] for each in metrics))


def main() -> None:
    """Train once with each aggregator, and compare."""
    sessions: dict[str, dict[str, Any]] = {
        "fedavg": {"rounds": UPDATES // CLIENTS, "min_clients": CLIENTS},
        "fedbuff": {"rounds": UPDATES // BUFFER_SIZE, "round_buffer_size": BUFFER_SIZE},
    }
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, Network() as net:
        clients = start(net, Path(name))
        seed = net.api.get_active_model()["id"]
        for aggregator, options in sessions.items():
            began = time.monotonic()
            model_id = train(net, aggregator=aggregator, model_id=seed, **options)
            seconds[aggregator] = time.monotonic() - began
            share = accuracy(net, model_id, clients, Path(name) / "model.npz")
            taken = f"{UPDATES} updates in {seconds[aggregator]:5.1f} seconds"
            print(f"{aggregator + ':':8} {taken}, accuracy {share:.4f}")
    print(f"fedbuff finishes {seconds['fedavg'] / seconds['fedbuff']:.1f} times sooner")


if __name__ == "__main__":
    main()

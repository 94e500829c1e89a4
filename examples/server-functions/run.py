"""Six clients learn to read digits by server functions, on this machine: `python run.py`.

Everything runs in this process, except for the server functions: each of their runs is a child process.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from functions import ServerFunctions

from fednet.examples.digits import data
from fednet.helpers import get_helper
from fednet.testing import Network

sys.path.insert(0, str(Path(__file__).with_name("client")))
from model import Client, initial

CLIENTS = 6
ROUNDS = 15
VALIDATIONS_MAX = 1000


def start(net: Network, folder: Path) -> None:
    """Split the digits between the clients, and give the network its first model."""
    for path in data.write(folder / "data", CLIENTS):
        client = Client(str(path))
        net.add_client(path.stem, train=client.train, validate=client.validate)
    seed = get_helper("numpyhelper").save(initial(), folder / "seed.npz")
    net.api.set_active_model(seed)


def train(net: Network) -> str:
    """Run a session with the server functions to its end, and return its id."""
    answer = net.api.start_session(rounds=ROUNDS, server_functions=ServerFunctions)
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


def asked(net: Network) -> Counter[str]:
    """Return the number of rounds in which each client has trained."""
    rounds = net.api.get_rounds(n_max=ROUNDS)["result"]
    answers = [net.api.get_round_answers(each["id"], outcome="counted") for each in rounds]
    return Counter(each["client"]["name"] for page in answers for each in page["result"])


def main() -> None:
    """Train, and print the output of the server functions and the accuracy of each round."""
    with tempfile.TemporaryDirectory() as name, Network() as net:
        start(net, Path(name))
        session_id = train(net)
        rounds, trained = accuracies(net, session_id), asked(net)
        log = net.api.get_statuses(session_id=session_id, n_max=VALIDATIONS_MAX)["result"]
    for printed in (
        each["message"] for each in reversed(log) if "learning rate" in each["message"]
    ):
        print(printed.strip())
    for number, accuracy in enumerate(rounds, start=1):
        print(f"round {number:2}: {accuracy:.4f}")
    print("trained: " + ", ".join(f"{name} {trained[name]}" for name in sorted(trained)))


if __name__ == "__main__":
    main()

"""Five hospitals learn together on this machine: `python run.py`.

A controller and a combiner run in this process, each hospital's client in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import hospitals

from fednet.packages import create_package
from fednet.testing import Network

PACKAGE = Path(__file__).with_name("client")
ROUNDS = 10
VALIDATIONS_MAX = 1000


def start_client(net: Network, data: Path) -> subprocess.Popen[str]:
    """Start a hospital's client."""
    return subprocess.Popen(
        [sys.executable, "-m", "fednet", "client", "start", "--name", data.stem, "--policy", "any"],
        env={
            **os.environ,
            "FEDNET_URL": net.api_url,
            "FEDNET_TOKEN": net.token,
            "FEDNET_CLIENT_DATA_DIR": str(data.with_suffix("")),
            "FEDNET_CLIENT_DATA_FOLDER": str(data),
            "FEDNET_CLIENT_PASS_ENVIRONMENT": "HOSPITAL_DATA",
            "HOSPITAL_DATA": str(data),
        },
        stderr=subprocess.PIPE,
        text=True,
    )


def await_joined(client: subprocess.Popen[str]) -> None:
    """Read a client's output until it has joined the network."""
    assert client.stderr is not None
    if not any("ready: " in line for line in client.stderr):
        raise SystemExit(f"A client has ended with code {client.wait()}.")


def publish(net: Network, folder: Path) -> None:
    """Give the network its package and its first model."""
    create_package(PACKAGE, folder / "package.tgz")
    seed = folder / "seed.npz"
    subprocess.run([sys.executable, str(PACKAGE / "build.py"), str(seed)], check=True)
    net.api.set_active_package(str(folder / "package.tgz"), "numpyhelper", "hospitals")
    net.api.set_active_model(str(seed))


def train(net: Network) -> str:
    """Run a session of all five hospitals to its end, and return its id."""
    answer = net.api.start_session(rounds=ROUNDS, min_clients=len(hospitals.SHARES))
    session = net.api.wait_session(answer["session_id"])
    if session["status"] != "FINISHED":
        raise SystemExit(f"The session is {session['status']}: {session['reason']}")
    return str(answer["session_id"])


def accuracies(net: Network, session_id: str) -> list[float]:
    """Return the accuracy on all held-out patients, round by round."""
    right: dict[str, float] = {}
    patients: dict[str, int] = {}
    newest_first = net.api.get_validations(session_id=session_id, n_max=VALIDATIONS_MAX)["result"]
    for validation in reversed(newest_first):
        model, metrics = validation["model_id"], validation["metrics"]
        count = metrics["num_examples"]
        right[model] = right.get(model, 0) + metrics["accuracy"] * count
        patients[model] = patients.get(model, 0) + count
    return [right[model] / patients[model] for model in right]


def main() -> None:
    """Train, and compare with training on all data in one place."""
    with tempfile.TemporaryDirectory() as name, Network() as net, ExitStack() as stack:
        publish(net, Path(name))
        clients = [start_client(net, data) for data in hospitals.write(Path(name) / "data")]
        for client in clients:
            stack.enter_context(client)
            stack.callback(client.terminate)
        for client in clients:
            await_joined(client)
        rounds = accuracies(net, train(net))
    for number, accuracy in enumerate(rounds, start=1):
        print(f"round {number:2}: {accuracy:.4f}")
    print(f"five hospitals together: {rounds[-1]:.4f}")
    print(f"all data in one place:   {hospitals.pooled_accuracy():.4f}")


if __name__ == "__main__":
    main()

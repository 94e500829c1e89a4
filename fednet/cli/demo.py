"""`fednet demo`: a real model, trained over a real network of processes on this machine."""

from __future__ import annotations

import tempfile
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fednet.cli._digits import Digits
from fednet.cli._exit import ExitCode
from fednet.cli._network import (
    NetworkPlan,
    ready_controllers,
    start_combiners,
    start_controllers,
)
from fednet.cli._output import json_option, progress, show_json, show_table
from fednet.cli._rounds import RoundResult, round_results, rounds_table
from fednet.cli._signals import interrupt_on_signals
from fednet.cli._supervisor import Supervisor
from fednet.cli._watch import watch_session
from fednet.errors import FednetError
from fednet.processes import FolderLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fednet.api_client import APIClient
    from fednet.cli._output import ShowProgress

ROUNDS = 10
ROUND_SECONDS_MAX = 60
CLIENTS = 5
COMBINERS = 2
ACCURACY_MIN = 0.93


@dataclass(frozen=True)
class Outcome:
    """The result of the demo."""

    rounds: list[RoundResult]
    seconds: float
    seconds_to_first_round: float
    model_path: Path

    @property
    def accuracy(self) -> float:
        """The accuracy of the last round's model on the held-out data; 0 if no client has reported it."""
        return self.rounds[-1].accuracy or 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, with `accuracy` in the order of the rounds."""
        return {
            "rounds": len(self.rounds),
            "clients": CLIENTS,
            "combiners": COMBINERS,
            "accuracy": [result.accuracy for result in self.rounds],
            "seconds": round(self.seconds, 2),
            "seconds_to_first_round": round(self.seconds_to_first_round, 2),
            "model_path": str(self.model_path),
        }


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder for all data; by default only the final model is kept.",
)
@json_option
def demo(*, data_dir: Path | None, as_json: bool) -> None:
    """Train a real model over a network of processes on this machine.

    A controller, two combiners and five clients train on scikit-learn's digits, split unevenly
    between the clients, for ten rounds. The exit code is 0 if all rounds have finished and the model reads
    93 % of the held-out digits correctly. A process that dies meanwhile is started again.
    """
    began, began_at = time.monotonic(), datetime.now(UTC)
    _check_installed()
    interrupted = interrupt_on_signals()
    with (
        _folder(data_dir) as folder,
        FolderLock(folder, "network"),
        progress(quiet=as_json) as show,
        Supervisor(folder / "logs", interrupted) as processes,
    ):
        rounds, model_path = _run(processes, folder, show, keep_in=data_dir)
    outcome = Outcome(
        rounds=rounds,
        seconds=time.monotonic() - began,
        seconds_to_first_round=max(0.0, (rounds[0].started_at - began_at).total_seconds()),
        model_path=model_path,
    )
    _report(outcome, as_json=as_json)


def _check_installed() -> None:
    """Check that scikit-learn is installed, before the process of the split needs it."""
    if find_spec("sklearn") is None:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")


@contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    """Give the folder of the whole network; a temporary one unless the user has chosen one."""
    if data_dir:
        yield data_dir.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="fednet-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _run(
    processes: Supervisor, folder: Path, show: ShowProgress, *, keep_in: Path | None
) -> tuple[list[RoundResult], Path]:
    """Start the network, train, and return the rounds' results and the model's path."""
    from fednet.api_client import APIClient

    show(0, ROUNDS, f"starting a controller, {COMBINERS} combiners and {CLIENTS} clients")
    plan = NetworkPlan(data_dir=folder, combiners=COMBINERS)
    starting = start_controllers(processes, plan)
    digits = Digits(processes, folder, clients=CLIENTS)
    combiners = start_combiners(processes, plan)
    clients = digits.start_clients()
    controllers = ready_controllers(processes, starting)
    for combiner in combiners:
        controllers.introduce_to(combiner)
    with APIClient(controllers.api_url, token=controllers.token) as api:
        digits.publish(api)
        for combiner in combiners:
            processes.ready(combiner)
        for client in clients:
            controllers.introduce_to(client)
        for client in clients:
            processes.ready(client)
        digits.finish_split()
        session_id = str(uuid.uuid4())
        rounds = processes.while_alive(lambda: _train(api, session_id, show))
        target = (keep_in or Path(tempfile.mkdtemp(prefix="fednet-model-"))).absolute()
        return rounds, processes.while_alive(lambda: _keep_model(api, rounds, target))


def _train(api: APIClient, session_id: str, show: ShowProgress) -> list[RoundResult]:
    """Run one session to its end; a second call only watches it again."""
    api.start_session(
        session_id,
        rounds=ROUNDS,
        round_timeout=ROUND_SECONDS_MAX,
        min_clients=CLIENTS,
        requested_clients=CLIENTS,
    )
    last = watch_session(api, session_id, show)
    if last["status"].upper() != "FINISHED":
        raise FednetError(f"The session is {last['status']}: {last.get('reason')}")
    return round_results(api, session_id)


def _keep_model(api: APIClient, rounds: list[RoundResult], folder: Path) -> Path:
    """Download the last round's model to a folder, and return its path."""
    target = folder / "model.npz"
    api.download_model(str(rounds[-1].model_id), str(target))
    return target


def _report(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        show_json(outcome.to_dict())
    else:
        show_table(*rounds_table(outcome.rounds))
        click.echo(f"Accuracy on held-out digits: {outcome.accuracy:.4f}")
        click.echo(
            f"{outcome.seconds:.1f} s, {outcome.seconds_to_first_round:.1f} s to the first round"
        )
        click.echo(f"The model: {outcome.model_path}. To load it:\n")
        click.echo("    import numpy")
        click.echo(f"    parameters = list(numpy.load({str(outcome.model_path)!r}).values())\n")
    if not _is_good(outcome):
        click.echo(
            f"Error: a round did not finish, or the accuracy is below {ACCURACY_MIN}.", err=True
        )
        click.get_current_context().exit(ExitCode.FAILED)


def _is_good(outcome: Outcome) -> bool:
    finished = [result for result in outcome.rounds if result.status == "FINISHED"]
    return len(finished) == ROUNDS and outcome.accuracy >= ACCURACY_MIN

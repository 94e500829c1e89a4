"""One fault at one moment of a round: the end of the session, its duration, and the lost work."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fednet.parameters import load_parameters

from .faults import FAULTS
from .moments import MOMENTS, SECONDS_MAX, Scene, pause
from .network import ProcessNetwork
from .rows import Row

ROUNDS = 3
CLIENTS = 4
NUMBERS = 400_000  # of 8 bytes: a model is larger than the zeros that a power cut leaves in it
OPTIONS = {
    "rounds": ROUNDS,
    "min_clients": CLIENTS,
    "requested_clients": CLIENTS,
    "round_timeout": 40,
    "round_retries": 5,
}


@dataclass(frozen=True)
class Outcome:
    """The outcome of a session with a fault.

    Attributes:
        status: Its status at the end.
        reason: Why it has ended.
        seconds: From the fault to the end.
        fault_seconds: How long the fault has lasted, with the time that a process needs to start again.
        trainings_lost: How many trainings are in no model.
        updates_missing: How many updates are in no model that would have been without a fault.
        rounds: The rounds that are committed.
    """

    status: str
    reason: str
    seconds: float
    fault_seconds: float
    trainings_lost: int
    updates_missing: int
    rounds: int


def live(scene: Scene, row: Row, folder: Path) -> Outcome:
    """Run a session of three rounds with a fault at a moment of the second, and check its final model.

    Raises:
        AssertionError: The session hangs, or its final model is not that of the answers that counted.
    """
    network, moment = scene.network, MOMENTS[row.moment]
    np.savez(folder / "seed.npz", **{"0": np.zeros(NUMBERS), "1": np.zeros((3, 4))})
    network.api.set_active_model(str(folder / "seed.npz"))
    network.wait_for_clients()
    moment.hold(scene)
    can_wait_for_all = row.updates_missing_max == 0
    min_clients = CLIENTS if can_wait_for_all else CLIENTS // 2
    network.api.start_session("s", **OPTIONS | {"min_clients": min_clients})
    moment.reach(scene)
    began = time.monotonic()
    fault_seconds = _strike(scene, row)
    session = network.api.wait_session("s", timeout=SECONDS_MAX)
    seconds = time.monotonic() - began
    network.api.download_model(session["model_id"], str(folder / "final.npz"))
    counted = counted_answers(network)
    check_model(load_parameters(folder / "final.npz"), counted)
    check_log(network, row)
    return _outcome(session, seconds, fault_seconds, scene, counted)


def _strike(scene: Scene, row: Row) -> float:
    """Let the fault begin, last and end, and return for how long; clients are not held meanwhile."""
    began = time.monotonic()
    fault, network = FAULTS[row.fault], scene.network
    name = network.driver() if row.victim == "driver" else row.victim
    fault.begin(network, name)
    MOMENTS[row.moment].leave(scene)
    scene.conductor.release()
    pause(fault.seconds)
    fault.end(network, name)
    return time.monotonic() - began


def _outcome(
    session: dict, seconds: float, fault_seconds: float, scene: Scene, counted: dict[int, list[str]]
) -> Outcome:
    begun = scene.conductor.begun.items()
    trained = sum(count for (_, task, _), count in begun if task == "train")
    in_models = sum(map(len, counted.values()))
    return Outcome(
        status=session["status"],
        reason=session["reason"],
        seconds=seconds,
        fault_seconds=fault_seconds,
        trainings_lost=trained - in_models,
        updates_missing=ROUNDS * CLIENTS - in_models,
        rounds=len(counted),
    )


def check_log(network: ProcessNetwork, row: Row) -> None:
    """The victim's own log names a fault that people must do something about."""
    if words := FAULTS[row.fault].says.get(row.victim):
        log = network.processes[row.victim].log.read_text()
        assert words in log, f"the log of {row.victim} does not say {words!r}:\n{log[-2000:]}"


def counted_answers(network: ProcessNetwork) -> dict[int, list[str]]:
    """Return the names of the clients whose updates are in each round's model, by the round's number."""
    counted = {}
    for each in network.api.get_rounds(n_max=100)["result"]:
        if each["status"] == "Finished":
            answers = network.api.get_round_answers(each["id"], outcome="counted")["result"]
            counted[each["number"]] = sorted(answer["client"]["name"] for answer in answers)
    return counted


def check_model(final: list[np.ndarray], counted: dict[int, list[str]]) -> None:
    """Check the final model: each client adds its number; the mean is weighted by ten times the number's square.

    So no client's number is the mean of four, and a model without one of them differs.
    """
    expected = 0.0
    for names in counted.values():
        numbers = np.array([int(name.rpartition("-")[2]) for name in names], float)
        expected += (numbers**3).sum() / (numbers**2).sum()
    for array in final:
        np.testing.assert_allclose(array, expected, rtol=1e-6)

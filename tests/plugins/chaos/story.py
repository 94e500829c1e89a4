"""One fault at one moment of a round: the end of the session, its duration, and the lost work."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from fednet.parameters import load_parameters

from .conductor import Conductor
from .network import ProcessNetwork

SESSION_SECONDS_MAX = 100.0
STOPPED_SECONDS = 12.0
ROUNDS = 3
ROUND = 2  # the fault falls into it
OPTIONS = {
    "rounds": ROUNDS,
    "min_clients": 2,
    "requested_clients": 4,
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
        trainings_lost: How many trainings are in no model.
        rounds: The rounds that are committed.
    """

    status: str
    reason: str
    seconds: float
    trainings_lost: int
    rounds: int


@dataclass(frozen=True)
class Scene:
    """A network at work, and the conductor of its clients."""

    network: ProcessNetwork
    conductor: Conductor

    def wait_for_answers(self, count: int) -> None:
        """Return once so many answers of the faulty round are in."""
        over = time.monotonic() + SESSION_SECONDS_MAX
        while True:
            session = self.network.api.get_session("s")
            here = session["progress"]["answers"] if session["round_number"] == ROUND else 0
            if here >= count:
                return
            assert time.monotonic() < over, f"{count} answers are not in: {session}"
            _pause(0.05)


Moment: TypeAlias = tuple[Callable[[Scene], None], Callable[[Scene], None]]
"""The clients that the conductor holds, and the event to wait for."""

MOMENTS: dict[str, Moment] = {
    "all train": (
        lambda scene: scene.conductor.hold("train", ROUND, scene.network.clients),
        lambda scene: scene.conductor.wait_for("train", ROUND, scene.network.clients),
    ),
    "half have answered": (
        lambda scene: scene.conductor.hold("train", ROUND, scene.network.clients[:2]),
        lambda scene: scene.wait_for_answers(2),
    ),
    "all validate": (
        lambda scene: scene.conductor.hold("validate", ROUND - 1, scene.network.clients),
        lambda scene: scene.conductor.wait_for("validate", ROUND - 1, scene.network.clients),
    ),
}

Fault: TypeAlias = Callable[[ProcessNetwork, str], None]
"""A change to the process of this name."""


def _pause(seconds: float) -> None:
    """Let a fault last."""
    over = time.monotonic() + seconds
    while (left := over - time.monotonic()) > 0:
        time.sleep(left)


def _kill_and_return(network: ProcessNetwork, name: str) -> None:
    network.processes[name].kill()
    network.processes[name].start()


def _kill_for_good(network: ProcessNetwork, name: str) -> None:
    network.processes[name].kill()


def _terminate_and_return(network: ProcessNetwork, name: str) -> None:
    network.processes[name].terminate()
    network.processes[name].start()


def _stop_for_a_while(network: ProcessNetwork, name: str) -> None:
    network.processes[name].stop()
    _pause(STOPPED_SECONDS)
    network.processes[name].go_on()


def _cut_link(network: ProcessNetwork, name: str) -> None:
    network.links[name].cut()


def _stall_link(network: ProcessNetwork, name: str) -> None:
    network.links[name].stall()
    _pause(STOPPED_SECONDS)
    network.links[name].restore()


def _refuse_link(network: ProcessNetwork, name: str) -> None:
    network.links[name].refuse()
    _pause(STOPPED_SECONDS)
    network.links[name].restore()


FAULTS: dict[str, Fault] = {
    "none": lambda _network, _name: None,
    "kill -9 and return": _kill_and_return,
    "kill -9 for good": _kill_for_good,
    "SIGTERM and return": _terminate_and_return,
    "SIGSTOP": _stop_for_a_while,
    "link cut": _cut_link,
    "link stalled": _stall_link,
    "link refused": _refuse_link,
}


@dataclass(frozen=True)
class Row:
    """A fault of the table.

    Attributes:
        trainings_lost_max: The trainings whose answers the fault destroys; none else may be lost.
    """

    victim: str
    fault: str
    moment: str
    trainings_lost_max: int = 0

    def __str__(self) -> str:
        return f"{self.victim}-{self.fault}-{self.moment}".replace(" ", "-")


_OF_PROCESSES = ("kill -9 and return", "SIGTERM and return", "SIGSTOP")
_OF_LINKS = ("link cut", "link stalled", "link refused")
_FOR_GOOD = ("kill -9 for good",)
_FAULTS_OF = {
    "undisturbed": ("none",),
    "controller-1": _OF_PROCESSES,
    "combiner-1": (*_OF_PROCESSES, *_FOR_GOOD, *_OF_LINKS),
    "client-1": (*_OF_PROCESSES, *_FOR_GOOD),
}


def _destroyed(victim: str, fault: str, moment: str) -> int:
    """Return how many trainings a fault destroys.

    A client that dies while it trains has no answer. A combiner that dies for good takes the answers along that it
    has; up to all four clients may have been placed on it.
    """
    if victim.startswith("client") and fault != "SIGSTOP" and moment != "all validate":
        return 1
    if victim.startswith("combiner") and fault in _FOR_GOOD:
        return 4
    return 0


TABLE = [
    Row(victim, fault, moment, _destroyed(victim, fault, moment))
    for (victim, faults), moment in itertools.product(_FAULTS_OF.items(), MOMENTS)
    for fault in faults
]
QUICK = [
    row
    for row in TABLE
    if (row.victim, row.fault, row.moment)
    in {
        ("controller-1", "kill -9 and return", "half have answered"),
        ("combiner-1", "kill -9 and return", "half have answered"),
        ("combiner-1", "kill -9 for good", "all train"),
        ("client-1", "kill -9 and return", "all train"),
    }
]


def live(scene: Scene, moment: str, fault: Callable[[], None], folder: Path) -> Outcome:
    """Run a session of three rounds with a fault at a moment of the second, and check its final model.

    Raises:
        AssertionError: The session hangs, or its final model is not that of the answers that counted.
    """
    api, seed = scene.network.api, folder / "seed.npz"
    np.savez(seed, **{"0": np.zeros(1000), "1": np.zeros((3, 4))})
    api.set_active_model(str(seed))
    scene.network.wait_for_clients()
    hold, wait = MOMENTS[moment]
    hold(scene)
    api.start_session("s", **OPTIONS)
    wait(scene)
    began = time.monotonic()
    fault()
    scene.conductor.release()
    session = api.wait_session("s", timeout=SESSION_SECONDS_MAX)
    seconds = time.monotonic() - began
    api.download_model(session["model_id"], str(folder / "final.npz"))
    counted = counted_answers(scene.network)
    check_model(load_parameters(folder / "final.npz"), counted)
    begun = scene.conductor.begun.items()
    trained = sum(count for (_, task, _), count in begun if task == "train")
    lost = trained - sum(map(len, counted.values()))
    return Outcome(session["status"], session["reason"], seconds, lost, len(counted))


def counted_answers(network: ProcessNetwork) -> dict[int, list[str]]:
    """Return the names of the clients whose updates are in each round's model, by the round's number."""
    counted = {}
    for each in network.api.get_rounds(n_max=100)["result"]:
        if each["status"] == "Finished":
            answers = network.api.get_round_answers(each["id"], outcome="counted")["result"]
            counted[each["number"]] = sorted(answer["client"]["name"] for answer in answers)
    return counted


def check_model(final: list[np.ndarray], counted: dict[int, list[str]]) -> None:
    """Check the final model: each client adds its number; the mean is weighted by ten times its number."""
    expected = 0.0
    for names in counted.values():
        numbers = np.array([int(name.rpartition("-")[2]) for name in names], float)
        expected += (numbers * numbers).sum() / numbers.sum()
    for array in final:
        np.testing.assert_allclose(array, expected, rtol=1e-6)

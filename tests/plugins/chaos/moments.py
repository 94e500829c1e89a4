"""The moments of a round at which faults fall."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .conductor import Conductor
from .network import PAUSE_SECONDS, ProcessNetwork

SECONDS_MAX = 100.0
ROUND = 2  # the fault falls into it


@dataclass(frozen=True)
class Scene:
    """A network at work, and the conductor of its clients."""

    network: ProcessNetwork
    conductor: Conductor

    def wait_for_answers(self, count: int) -> None:
        """Return once so many answers of the faulty round are in."""

        def are_in() -> bool:
            session = self.network.api.get_session("s")
            return session["round_number"] == ROUND and session["progress"]["answers"] >= count

        _wait_until(are_in, f"{count} answers are not in")

    def keep_an_answer_waiting(self) -> None:
        """Let the first client finish its update while its combiner takes none; return once the client keeps it."""
        self.conductor.wait_for("train", ROUND, self.network.clients)
        first = self.network.clients[0]
        self.network.links[self.network.combiners[0]].refuse()
        self.conductor.release_client(first)
        answers = self.network.folder_of(first) / first / "answers"

        def is_kept() -> bool:  # an update; the answer of a validation may wait there as well
            updates = answers.glob("*.update")
            return any(each.with_suffix(".answer").exists() for each in updates)

        _wait_until(is_kept, f"{first} keeps no update")

    def deliver(self) -> None:
        """Let combiners take the waiting updates."""
        for link in self.network.links.values():
            link.restore()


def _wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    over = time.monotonic() + SECONDS_MAX
    while not is_so():
        assert time.monotonic() < over, otherwise
        pause(PAUSE_SECONDS)


def pause(seconds: float) -> None:
    """Let a fault last."""
    over = time.monotonic() + seconds
    while (left := over - time.monotonic()) > 0:
        time.sleep(left)


Act: TypeAlias = Callable[[Scene], None]


@dataclass(frozen=True)
class Moment:
    """A moment of a round.

    Attributes:
        hold: Tells the conductor whom to hold; before the session begins.
        reach: Returns when the moment has come.
        leave: Undoes what the moment needed; before the fault ends.
    """

    hold: Act
    reach: Act
    leave: Act = lambda _scene: None


def _hold_training(scene: Scene) -> None:
    scene.conductor.hold("train", ROUND, scene.network.clients)


MOMENTS: dict[str, Moment] = {
    "all train": Moment(
        _hold_training,
        lambda scene: scene.conductor.wait_for("train", ROUND, scene.network.clients),
    ),
    "half have answered": Moment(
        lambda scene: scene.conductor.hold("train", ROUND, scene.network.clients[:2]),
        lambda scene: scene.wait_for_answers(2),
    ),
    "an answer waits at its client": Moment(
        _hold_training, Scene.keep_an_answer_waiting, Scene.deliver
    ),
    "all validate": Moment(
        lambda scene: scene.conductor.hold("validate", ROUND - 1, scene.network.clients),
        lambda scene: scene.conductor.wait_for("validate", ROUND - 1, scene.network.clients),
    ),
}

"""Events of a phase and instructions of its machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fednet.digests import Digest

from .answers import Answer
from .news import Happening
from .values import Verdict

# Events.


@dataclass(frozen=True)
class Joined:
    """A client's stream is open (again)."""

    client: str


@dataclass(frozen=True)
class Left:
    """A client's stream broke."""

    client: str


@dataclass(frozen=True)
class Answered:
    """A client's answer has come and, unless it is too late, lies safely here."""

    answer: Answer


@dataclass(frozen=True)
class Counted:
    """An answer was good, and is in; with the news of it for the controller, if it has not heard."""

    task: str
    weight: float = 1.0
    happening: Happening | None = None


@dataclass(frozen=True)
class Refused:
    """An answer was not acceptable."""

    task: str
    message: str


@dataclass(frozen=True)
class Damaged:
    """An answer that lay here is lost: its file differs from the received one."""

    task: str


@dataclass(frozen=True)
class StartedAgain:
    """The controller adds clients, opens the phase again, or wants the partial shared."""

    clients: tuple[str, ...]
    attempt: int
    deadline: float
    share: bool = False


@dataclass(frozen=True)
class Withdrew:
    """The controller has moved clients to another combiner."""

    clients: tuple[str, ...]


@dataclass(frozen=True)
class CloseAsked:
    """The controller wants to go on with the answers that are in."""


@dataclass(frozen=True)
class Finished:
    """The last `Finish` is carried out; with a failure, there is no partial.

    Attributes:
        partial: The digest of the shared partial; None where none was shared.
    """

    failure: str = ""
    partial: Digest | None = None


@dataclass(frozen=True)
class Released:
    """The controller needs nothing of this phase any more."""


@dataclass(frozen=True)
class TimePassed:
    """Time has passed, and nothing else."""


Event: TypeAlias = (
    Joined
    | Left
    | Answered
    | Counted
    | Refused
    | Damaged
    | StartedAgain
    | Withdrew
    | CloseAsked
    | Finished
    | Released
    | TimePassed
)


# Instructions: tasks of the engine.


@dataclass(frozen=True)
class Send:
    """Send the task to the client."""

    client: str
    task: str


@dataclass(frozen=True)
class Cancel:
    """Tell the client that the task need not be finished."""

    client: str
    task: str


@dataclass(frozen=True)
class Check:
    """Check the answer and let it count, as its kind of task has it."""

    client: str
    answer: Answer


@dataclass(frozen=True)
class Receipt:
    """Tell the client that it may forget its answer."""

    client: str
    verdict: Verdict


@dataclass(frozen=True)
class Tell:
    """Tell the controller the news, with its task if it is about one."""

    happening: Happening
    client: str = ""
    task: str = ""


@dataclass(frozen=True)
class Finish:
    """Nothing is being folded: share the partial if `share` is set, then say `Finished`."""

    share: bool


Instruction: TypeAlias = Send | Cancel | Check | Receipt | Tell | Finish

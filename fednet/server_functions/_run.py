"""One run of server functions, as its two ends agree on it: a folder with these files.

request.json    a `Run`; the parent has written it
answer.json     {"clients": […], "settings": {…}} or {"problem": text, "traceback": text}
state.npz       the attributes of the functions' object; see `_memory`
model.npz       the model that aggregate returned
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

REQUEST: Final = "request.json"
ANSWER: Final = "answer.json"
STATE: Final = "state.npz"
MODEL: Final = "model.npz"


@dataclass(frozen=True)
class Run:
    """What is asked of server functions.

    Args:
        source: Their source.
        seed: Of the random numbers: a run that is repeated draws the same ones.
        helper: The format of the global model.
        base: The path of the global model's file.
        state: The path of what they remember; None in the first run.
        clients: The ids of those who can be chosen; for a plan.
        updates: The path of a model file with the updates, one after the other; empty for a plan.
        labels: For each update the client's id and what it said of its training.
        seconds_max: How long the run may take, by the clock and of the processor.
        memory_bytes_max: How much memory it may take.
    """

    source: str
    seed: str
    helper: str
    base: str
    state: str | None
    seconds_max: float
    memory_bytes_max: int
    clients: list[str] = field(default_factory=list)
    updates: str = ""
    labels: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

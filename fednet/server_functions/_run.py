"""One run of server functions: a folder with these files.

request.json    a `Run`; written by the parent
answer.json     {"clients": […], "settings": {…}} or {"problem": text, "traceback": text}
state.npz       the attributes of the functions' object; see `_memory`
model.npz       the result of aggregate
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fednet.digests import Digest

REQUEST: Final = "request.json"
ANSWER: Final = "answer.json"
STATE: Final = "state.npz"
MODEL: Final = "model.npz"


def state_id_of(run_id: str, digest: Digest) -> str:
    """Return the id of the memory after a run; other bytes lie under another id.

    So a repeated run overwrites nothing that the controller may have heard of.

    Args:
        run_id: The run, a UUID.
        digest: The digest of the memory's file.
    """
    return str(uuid.uuid5(uuid.UUID(run_id), digest.text))


@dataclass(frozen=True)
class Run:
    """A request to server functions.

    Args:
        source: Their source.
        seed: The seed of the random numbers: a repeated run draws the same ones.
        helper: The format of the global model.
        base: The path of the global model's file.
        state: The path of their memory; None in the first run.
        clients: The ids of the clients to choose from, for a plan.
        updates: The path of a model file with the updates, one after the other; empty for a plan.
        labels: For each update the client's id and the metadata of its training.
        seconds_max: The limit of the run, in seconds by the clock and of the processor.
        memory_bytes_max: The limit of its memory, in bytes.
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

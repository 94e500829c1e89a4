"""Clients that report far more examples than others: one of them decides the mean. People are told, in a status."""

from __future__ import annotations

import heapq
import uuid
from collections.abc import Iterator
from typing import Any, Final

from fednet import limits

from .documents import iso
from .orders import Projection
from .scene import Scene
from .state import Phase

_IDS: Final = uuid.UUID("6f2f2bb0-3b8c-4f0b-9f0e-0d4d9d8a6b51")


def outlier_statuses(scene: Scene, phase: Phase) -> Iterator[Projection]:
    """Yield a status for each client of a trained phase that reports far more examples than the median client.

    Far more is more than `limits.outlier_medians_min` medians; of many such clients the largest are named. Of an even
    number of clients the median is the smaller one of the two in the middle.
    """
    reported = scene.tally(phase).reported
    if len(reported) < 2:  # noqa: PLR2004  one client has nobody to be compared with
        return
    ordered = sorted(examples for _, examples in reported.values())
    median = ordered[(len(ordered) - 1) // 2]
    far = {
        client: (name, examples)
        for client, (name, examples) in reported.items()
        if examples > limits.outlier_medians_min * median
    }
    largest = heapq.nlargest(
        limits.outlier_clients_max, far.items(), key=lambda item: (item[1][1], item[0])
    )
    for client, (name, examples) in largest:
        id_ = str(uuid.uuid5(_IDS, f"{phase.phase_id}/{client}"))
        yield Projection("statuses", id_, _status(scene, phase, client, name, examples, median))


def _status(
    scene: Scene, phase: Phase, client: str, name: str, examples: float, median: float
) -> dict[str, Any]:
    message = (
        f"The client {name or client} reports {examples:.17g} examples, and the median client {median:.17g}, so its "
        "update outweighs others. The option examples_max of a session limits the weight of an update."
    )
    return {
        "type": "LOG",
        "log_level": "WARNING",
        "message": message,
        "details": {
            "round": phase.number,
            "model_id": "",
            "client": name,
            "num_examples": examples,
            "median": median,
        },
        "timestamp": iso(scene.now),
        "task_id": "",
        "session_id": scene.session.session_id,
        "source": {"kind": "client", "name": name, "id": client},
    }

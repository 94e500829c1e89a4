"""The ids of tasks: each follows from its phase and its client, in every process."""

from __future__ import annotations

import uuid
from typing import Final

_TASK_IDS: Final = uuid.UUID("0b1f6c2e-6d0e-4f0b-9d8a-2f4b8f6f3c11")


def task_id_of(phase_id: str, client_id: str) -> str:
    """Return the id of a client's task in a phase."""
    return str(uuid.uuid5(_TASK_IDS, f"{phase_id}/{client_id}"))

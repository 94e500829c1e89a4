"""The packages and settings that wait for their owner's approval; they outlive the agent's process.

<folder>/waiting.json   written whole by the agent, read by `fednet client review` and `approvals`
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from fednet import limits
from fednet.files import PRIVATE, write_whole

from .subjects import Subject

_log = logging.getLogger(__name__)
_FORMAT = 1


def read_waiting(folder: Path) -> list[Subject]:
    """Return the subjects that wait, the oldest first; none if the file is damaged, for they come again with a task."""
    try:
        document = json.loads((folder / "waiting.json").read_bytes())
        return (
            [Subject.from_dict(each) for each in document["waiting"]]
            if document["format"] == _FORMAT
            else []
        )
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("cannot read the waiting packages and settings in %s: %s", folder, error)
        return []


def write_waiting(folder: Path, subjects: Sequence[Subject]) -> None:
    """Write the subjects that wait.

    Raises:
        OSError: The disk refuses.
    """
    waiting = [each.to_dict() for each in subjects]
    content = json.dumps({"format": _FORMAT, "waiting": waiting}).encode()
    write_whole(folder / "waiting.json", content, mode=PRIVATE)


def with_subject(subjects: Sequence[Subject], new: Subject) -> list[Subject]:
    """Return the newest subjects together with a new one, as many as the limit allows."""
    others = [each for each in subjects if each != new]
    return [*others, new][-limits.awaited_approvals_max :]

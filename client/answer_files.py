"""The kept answers on disk, which survive the death of the process.

    <folder>/<task id>.answer   line 1: the SHA-256 of all that follows, hexadecimal; then one JSON object
            /<task id>.update   the file of an update; its size and digest stand in the answer

The JSON object has `format` (1), `task_id`, `outcome` (the kind of the outcome and its values), `seconds` (`download`,
`work`, `upload`), `update` (`size_bytes`, `digest`; null without a file), `deadline` (seconds since 1970, null where it
is not known) and `combiner` (the name of the combiner that offered the task last). A damaged file, or one of another
format, is ignored and deleted.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.digests import Algorithm, Digest, digest_of_file, sealed, unsealed
from fednet.errors import InvalidInput
from fednet.files import sync, write_whole
from fednet.names import check_id, is_id

from .tasks import Answer, Exchange, Failure, Outcome, Prediction, Update, Validation

_log = logging.getLogger(__name__)

_FORMAT = 1
_OUTCOMES: dict[str, type[Outcome]] = {
    "update": Update,
    "validation": Validation,
    "prediction": Prediction,
    "exchange": Exchange,
    "failure": Failure,
}
_NAMES = {kind: name for name, kind in _OUTCOMES.items()}


@dataclass(frozen=True)
class KeptAnswer:
    """An answer with the values that are kept with it."""

    answer: Answer
    update: Digest | None
    deadline: float | None
    combiner: str


class AnswerFiles:
    """The folder of kept answers.

    Attributes:
        folder: Its path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def take_up(self) -> Iterator[KeptAnswer]:
        """Yield each answer that an earlier process kept, the oldest first; delete everything else.

        The sizes of updates are compared now, their digests before the first delivery.
        """
        found = {
            path.stem: self._read(path) for path in sorted(self.folder.glob("*.answer"), key=_age)
        }
        whole = {task_id: kept for task_id, kept in found.items() if kept}
        for path in list(self.folder.iterdir()):
            if path.stem not in whole or path.suffix not in {".answer", ".update"}:
                path.unlink()
        yield from whole.values()

    def keep(self, kept: KeptAnswer) -> None:
        """Write an answer; if the disk refuses, log that the answer is lost when this process ends."""
        try:
            self._write(kept)
        except OSError as error:
            _log.error(
                "cannot keep the answer to task %s in %s (%s): it is lost if this process ends",
                kept.answer.task_id,
                self.folder,
                error.strerror,
            )

    def _write(self, kept: KeptAnswer) -> None:
        """Write an answer, so that it outlives this process; `force_to_disk` keeps it through a power cut."""
        body = json.dumps(_document_of(kept)).encode()
        write_whole(self._answer_path(kept.answer.task_id), sealed(body))

    def force_to_disk(self, task_id: str) -> None:
        """Force an update and its answer to the disk, because training is expensive to repeat; log a refusal."""
        try:
            for path in (self.update_path(task_id), self._answer_path(task_id), self.folder):
                sync(path)
        except FileNotFoundError:
            return  # it was forgotten meanwhile
        except OSError as error:
            _log.warning("cannot force the answer to task %s to the disk: %s", task_id, error)

    def digest_of_update(self, task_id: str) -> Digest:
        """Return the digest of a task's update, as computed from its file.

        Raises:
            OSError: The file cannot be read.
        """
        return digest_of_file(self.update_path(task_id), Algorithm.BLAKE3)

    def is_whole(self, task_id: str, update: Digest) -> bool:
        """Return True if a task's update has the digest that was kept with its answer."""
        try:
            return update.is_of_file(self.update_path(task_id))
        except OSError:
            return False

    def remove(self, task_id: str) -> None:
        """Delete an answer and its update, if they are there; log a failure."""
        try:
            # The answer first: it needs its update; an update without an answer is deleted at the next start.
            self._answer_path(task_id).unlink(missing_ok=True)
            self.update_path(task_id).unlink(missing_ok=True)
        except OSError as error:
            _log.warning("cannot delete files in %s: %s", self.folder, error.strerror)

    def update_path(self, task_id: str) -> Path:
        """Return the path of a task's update."""
        return self.folder / f"{check_id(task_id, 'task_id')}.update"

    def _answer_path(self, task_id: str) -> Path:
        return self.folder / f"{check_id(task_id, 'task_id')}.answer"

    def _read(self, path: Path) -> KeptAnswer | None:
        """Read a kept answer; None if it is damaged, or its update is missing or has another size."""
        try:
            with path.open("rb") as file:
                body = unsealed(file.read(limits.message_bytes_max))
            if body is None:
                return None
            kept = _kept_of(json.loads(body))
            is_here = path.stem == kept.answer.task_id and is_id(path.stem)
            has_update = not kept.update or self._size(path.stem) == kept.update.size_bytes
        except (OSError, ValueError, KeyError, TypeError, InvalidInput):
            return None
        return kept if is_here and has_update else None

    def _size(self, task_id: str) -> int:
        return self.update_path(task_id).stat().st_size


def _document_of(kept: KeptAnswer) -> dict[str, Any]:
    answer = kept.answer
    return {
        "format": _FORMAT,
        "task_id": answer.task_id,
        "outcome": {_NAMES[type(answer.outcome)]: asdict(answer.outcome)},
        "seconds": {
            "download": answer.download_seconds,
            "work": answer.work_seconds,
            "upload": answer.upload_seconds,
        },
        "update": _update_fields(kept.update) if kept.update else None,
        "deadline": kept.deadline,
        "combiner": kept.combiner,
    }


def _kept_of(document: dict[str, Any]) -> KeptAnswer:
    """Read a document; raise ValueError, KeyError or TypeError if it has another form."""
    if document["format"] != _FORMAT:
        raise ValueError("The file has another format.")
    [(name, values)] = document["outcome"].items()
    seconds = document["seconds"]
    answer = Answer(
        document["task_id"],
        _OUTCOMES[name](**values),
        seconds["download"],
        seconds["work"],
        seconds["upload"],
    )
    update = _digest_of(document["update"]) if document["update"] else None
    return KeptAnswer(answer, update, document["deadline"], document["combiner"])


def _update_fields(digest: Digest) -> dict[str, Any]:
    return {"size_bytes": digest.size_bytes, "digest": digest.text}


def _digest_of(update: dict[str, Any]) -> Digest:
    """Read the digest of an update; earlier versions wrote a SHA-256."""
    text = update["digest"] if "digest" in update else update["sha256"]
    return Digest.read(text, update["size_bytes"])


def _age(path: Path) -> int:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime_ns
    return 0

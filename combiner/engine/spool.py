"""The combiner's folder on disk: everything that must be there again after a `kill -9`.

    <folder>/phases/<phase id>/record.json          the newest assignment, and since when (`PhaseRecord`)
                              /shut                 the attempt in which no further answer counts
                              /shared               the partial in the blob store (`SharingRecord`)
                              /<task id>            a whole update, its digest checked
                              /<task id>.part       an upload that is under way
                              /<task id>.object     the object store may hold its update; the id of its parts
                              /answers.log          the clients' answers, one after the other (`KeptAnswer`)
    <folder>/orphans/<phase id>                     a shared partial that is still to be deleted; see `orphans`
    <folder>/retained/                              updates of phases that are over; see `retained`
    <folder>/tmp/                                   work in progress, and `remains`; emptied at start

Records and answers are JSON with a digest of their own; see `checked_files`. Names are ids of ours, never a client's
choice. Files are renamed into place, so each is whole; a phase is renamed away before it is deleted. Answers are
appended to one file: a file for each would cost more than a small update.
Files are not forced to the disk: a process that dies loses nothing. A power cut may leave files of zeros: each file is
checked when it is read back, and asked for again if it is damaged.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fednet import limits
from fednet.digests import Digest
from fednet.files import write_whole

from ..machine.answers import Answer
from ..machine.assignment import PhaseRecord
from ..machine.values import SharingRecord
from .checked_files import CheckedForm
from .disk import Disk
from .remains import Remains

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptAnswer:
    """A client's answer.

    Attributes:
        answer: The answer.
        update: The size and the digest of the update that came before it; None if there was none.
    """

    answer: Answer
    update: Digest | None = None


@dataclass(frozen=True)
class Forgotten:
    """The tasks whose answers up to here count for nothing."""

    task_ids: tuple[str, ...]


RECORD = "record.json"
RECORDS = CheckedForm(PhaseRecord)
_ANSWERS: CheckedForm[KeptAnswer | Forgotten] = CheckedForm(KeptAnswer | Forgotten)  # type: ignore[arg-type]  # a union is no type
_ANSWERS_FILE = "answers.log"
_SHARINGS = CheckedForm(SharingRecord)


class Spool:
    """The files of the phases that this combiner holds.

    Every method raises Unavailable where the system refuses: a full disk, missing rights.

    Attributes:
        disk: Names outages of the disk.
        retained: The folder of updates that outlive their phase.
        remains: Large files of the phase that was over last.
    """

    def __init__(self, folder: Path) -> None:
        self.disk = Disk(folder)
        self.remains = Remains()
        self._phases = folder / "phases"
        self._orphans = folder / "orphans"
        self._tmp = folder / "tmp"
        self.retained = folder / "retained"
        with self.disk.writing():
            shutil.rmtree(self._tmp, ignore_errors=True)
            for each in (self._phases, self._orphans, self._tmp, self.retained):
                each.mkdir(parents=True, exist_ok=True)

    # Phases

    def keep_record(self, record: PhaseRecord) -> None:
        """Keep the newest assignment of a phase; it is there again after a restart."""
        folder = self._phases / record.assignment.phase_id
        with self.disk.writing():
            folder.mkdir(exist_ok=True)
            self._write(folder / RECORD, RECORDS.encode(record))

    def records(self) -> Iterator[PhaseRecord]:
        """Give the phases that were begun and not released; one without a whole record is cleared away."""
        for folder in sorted(self._phases.iterdir()):
            record = RECORDS.read(folder / RECORD)
            if record and record.assignment.phase_id == folder.name:
                yield record
            else:
                _log.warning("phase %s is cleared away: its record cannot be read", folder.name)
                self.release(folder.name)

    def shut(self, phase_id: str, attempt: int) -> None:
        """Record that the phase takes no more answers in this attempt."""
        with self.disk.writing():
            self._write(self._phases / phase_id / "shut", str(attempt).encode())

    def is_shut(self, phase_id: str, attempt: int) -> bool:
        """Return True if the phase takes no more answers in this attempt."""
        with self.disk.reading(), contextlib.suppress(FileNotFoundError):
            return (self._phases / phase_id / "shut").read_bytes() == str(attempt).encode()
        return False

    def keep_sharing(self, phase_id: str, sharing: SharingRecord) -> None:
        """Record that the phase's partial is in the blob store."""
        with self.disk.writing():
            self._write(self._phases / phase_id / "shared", _SHARINGS.encode(sharing))

    def sharing(self, phase_id: str) -> SharingRecord | None:
        """Return the phase's partial in the blob store; None if none was recorded."""
        with self.disk.reading():
            return _SHARINGS.read(self._phases / phase_id / "shared")

    def release(self, phase_id: str) -> None:
        """Delete everything of a phase; nothing happens if there is nothing."""
        with self.disk.reading():
            if gone := self._put_away(phase_id):
                shutil.rmtree(gone, ignore_errors=True)

    def retire(self, phase_id: str) -> None:
        """Delete everything of a phase, but leave its large files to the next one: the caller clears `remains`."""
        with self.disk.reading():
            if gone := self._put_away(phase_id):
                large = [path for path in gone.iterdir() if path.lstat().st_size >= limits.MIB]
                self.remains.take([path.rename(self.scratch()) for path in large])
                shutil.rmtree(gone, ignore_errors=True)

    def hand_over(self, phase_id: str, target: Path) -> bool:
        """Move everything of a phase to a path in the file system of the spool; return False if there was nothing."""
        with self.disk.writing():
            try:
                (self._phases / phase_id).rename(target)
            except FileNotFoundError:
                return False
        return True

    # Updates and answers

    def update_path(self, phase_id: str, task_id: str) -> Path:
        """Return the place of a task's update."""
        return self._phases / phase_id / task_id

    def keep_answer(self, phase_id: str, kept: KeptAnswer) -> None:
        """Keep a client's answer, in place of an earlier one to the same task."""
        with self.disk.writing():
            _ANSWERS.append(self._phases / phase_id / _ANSWERS_FILE, kept)

    def answers(self, phase_id: str) -> Mapping[str, KeptAnswer]:
        """Return the answers in a phase, by task; a damaged one counts as not received."""
        with self.disk.reading():
            return answers_in(self._phases / phase_id)

    def forget_answers(self, phase_id: str, task_ids: Iterable[str]) -> None:
        """Keep that answers count for nothing; nothing happens where there are none."""
        if forgotten := tuple(task_ids):
            with self.disk.writing():
                _ANSWERS.append(self._phases / phase_id / _ANSWERS_FILE, Forgotten(forgotten))

    def forget_update(self, phase_id: str, task_id: str) -> None:
        """Delete a damaged update; nothing happens where there is none."""
        with self.disk.reading():
            self.update_path(phase_id, task_id).unlink(missing_ok=True)

    # Updates in the object store, and partials that are to be deleted there

    def keep_object(self, phase_id: str, task_id: str, upload_id: str) -> None:
        """Record that the object store may hold an update, with its upload id ("" for an upload in one piece)."""
        with self.disk.writing():
            self._write(self._phases / phase_id / f"{task_id}.object", upload_id.encode())

    def object(self, phase_id: str, task_id: str) -> str | None:
        """Return the id that was kept for an update in the object store; None if nothing was kept."""
        path = self._phases / phase_id / f"{task_id}.object"
        with self.disk.reading(), contextlib.suppress(FileNotFoundError):
            return path.read_text()
        return None

    def objects(self, phase_id: str) -> Iterator[tuple[str, str]]:
        """Give the tasks whose updates the object store may hold, each with the id of its upload in parts."""
        with self.disk.reading():
            for path in sorted((self._phases / phase_id).glob("*.object")):
                yield path.stem, path.read_text()

    def keep_orphan(self, phase_id: str) -> None:
        """Record that the partial of a phase is to be deleted from the blob store."""
        with self.disk.writing():
            (self._orphans / phase_id).touch()

    def forget_orphan(self, phase_id: str) -> None:
        """Note that a partial is deleted."""
        with self.disk.reading():
            (self._orphans / phase_id).unlink(missing_ok=True)

    def orphans(self) -> list[str]:
        """Return the phases whose partials are to be deleted."""
        with self.disk.reading():
            return sorted(path.name for path in self._orphans.iterdir())

    # Scratch

    def scratch(self) -> Path:
        """Return a fresh path for work in progress, in the file system of the spool."""
        return self._tmp / str(uuid.uuid4())

    @contextlib.contextmanager
    def scratch_file(self) -> Iterator[Path]:
        """Give a fresh path as well; a file that is still there at the end is deleted."""
        path = self.scratch()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _put_away(self, phase_id: str) -> Path | None:
        """Move a phase out of sight in one step; return its new place, or None if there is no such phase."""
        with contextlib.suppress(FileNotFoundError):
            return (self._phases / phase_id).rename(self.scratch())
        return None

    def _write(self, path: Path, data: bytes) -> None:
        write_whole(path, data, folder=self._tmp)


def answers_in(folder: Path) -> dict[str, KeptAnswer]:
    """Return the answers in the folder of a phase, by task."""
    answers: dict[str, KeptAnswer] = {}
    for each in _ANSWERS.read_all(folder / _ANSWERS_FILE):
        match each:
            case KeptAnswer(answer):
                answers[answer.task_id] = each
            case Forgotten(task_ids):
                for task_id in task_ids:
                    answers.pop(task_id, None)
    return answers

"""Updates of rounds that are over, retained for people because their session asked for it (`delete_models=False`).

    <spool>/retained/<phase id>/round.json   session, round, model, and for each file its client and its examples
                               /<task id>    an update as its client sent it, whether it counted or not; but in the
                                             format of its session, if it was encoded

No file here is read again: retained updates take no part in any round. The newest stay: the oldest round's go when all
together would be larger than the limit.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.errors import FednetError
from fednet.files import put_in_place, write_whole

from ..machine.answers import Update
from ..machine.assignment import Assignment, tasks_of
from ..machine.values import LogLevel, LogRecord
from .spool import RECORD, RECORDS, KeptAnswer, Spool, answers_in
from .update_format import UpdateFormat

_log = logging.getLogger(__name__)

_PAGE = "round.json"
_DECODED = ".decoded"


class Retained:
    """The retained updates of one combiner. Takes may come from several threads.

    Args:
        spool: Has the phases.
        bytes_max: The size that all of them together may have.
        seconds_max: The age up to which they stay; None for any age. It is looked at in a new process, and when
            further updates come.
    """

    def __init__(self, spool: Spool, bytes_max: int, seconds_max: float | None = None) -> None:
        self._spool = spool
        self._bytes_max = bytes_max
        self._seconds_max = seconds_max
        self._lock = threading.Lock()
        self._sizes: dict[Path, int] = {}  # the oldest first
        with spool.disk.writing():
            for folder in _by_age(spool.retained):
                self._take_up(folder)
        self._delete_old()

    def decode(self, phase: Assignment, updates: UpdateFormat) -> None:
        """Decode the updates of a phase beside the encoded ones, before it is taken, while its model is at hand.

        An update that cannot be decoded stays as its client sent it.
        """
        for task_id in tasks_of(phase.phase_id, phase.clients):
            path = self._spool.update_path(phase.phase_id, task_id)
            try:
                if path.exists():
                    updates.decode(path, path.with_suffix(_DECODED))
            except (FednetError, OSError) as error:
                _log.warning("the update %s is retained as its client sent it: %s", task_id, error)

    def take(self, phase: Assignment) -> LogRecord | None:
        """Take the updates of a phase that is over out of the spool.

        Returns:
            A line for the network's log; None where there was nothing to retain.
        """
        folder = self._spool.retained / phase.phase_id
        if folder.exists() or not self._spool.hand_over(phase.phase_id, folder):
            return None
        updates = _updates(folder, phase)
        if not updates:
            self._delete(folder)
            return None
        _put_decoded_in_place(folder)
        self._delete_old()
        size = _size(folder) + len(_page(folder, phase, updates))
        gone = self._make_room(folder, size)  # before a byte is written: the disk may be full
        _describe(folder)
        told = _told(folder, len(updates), size, gone)
        _log.log(logging.WARNING if gone else logging.INFO, "%s", told.text)
        return told

    def _take_up(self, folder: Path) -> None:
        """Finish the work of an earlier process that died over it, and count the folder in."""
        record = RECORDS.read(folder / RECORD)
        if record and not _updates(folder, record.assignment):
            self._delete(folder)
            return
        _describe(folder)
        self._sizes[folder] = _size(folder)

    def _delete_old(self) -> None:
        """Delete what is older than it may be."""
        if self._seconds_max is None:
            return
        earliest = time.time() - self._seconds_max
        with self._lock:
            for folder in [each for each in self._sizes if _changed_at(each) < earliest]:
                del self._sizes[folder]
                self._delete(folder)

    def _make_room(self, folder: Path, size: int) -> list[Path]:
        """Count a folder in, and delete the oldest until all fit; return the deleted ones."""
        gone = []
        with self._lock:
            self._sizes[folder] = size
            while self._is_too_much():
                oldest = next(iter(self._sizes))
                del self._sizes[oldest]
                self._delete(oldest)
                gone.append(oldest)
        return gone

    def _delete(self, folder: Path) -> None:
        """Delete a folder in one step: nobody finds updates that no page speaks of."""
        gone = self._spool.scratch()
        with contextlib.suppress(OSError):
            folder.rename(gone)
            shutil.rmtree(gone)

    def _is_too_much(self) -> bool:
        too_many = len(self._sizes) > limits.retained_phases_max
        return too_many or sum(self._sizes.values()) > self._bytes_max


def _changed_at(folder: Path) -> float:
    """Return the time at which a folder was complete, in seconds since 1970."""
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _by_age(folder: Path) -> list[Path]:
    """Return the folders in a folder, the oldest first."""
    folders = [path for path in folder.iterdir() if path.is_dir()]
    return sorted(folders, key=lambda path: path.stat().st_mtime)


def _updates(folder: Path, phase: Assignment) -> dict[str, str]:
    """Return the client of each complete update in a folder, by the name of its file."""
    tasks = tasks_of(phase.phase_id, phase.clients)
    return {task: client for task, client in tasks.items() if (folder / task).exists()}


def _describe(folder: Path) -> None:
    """Leave a phase's updates and a page about them. May be repeated after a crash: the record goes last."""
    record = RECORDS.read(folder / RECORD)
    if record is None:
        return
    phase = record.assignment
    _put_decoded_in_place(folder)
    updates = _updates(folder, phase)
    if not (folder / _PAGE).exists():
        _write_page(folder, _page(folder, phase, updates))
    for path in folder.iterdir():
        if path.name not in {_PAGE, RECORD, *updates}:
            path.unlink()
    (folder / RECORD).unlink()


def _put_decoded_in_place(folder: Path) -> None:
    """Let each decoded update take the place of the encoded one."""
    for decoded in list(folder.glob(f"*{_DECODED}")):
        put_in_place(decoded, decoded.with_suffix(""))


def _write_page(folder: Path, text: str) -> None:
    write_whole(folder / _PAGE, text.encode())


def _page(folder: Path, phase: Assignment, updates: Mapping[str, str]) -> str:
    answers = answers_in(folder)
    page = {
        "session_id": phase.session_id,
        "round_id": phase.round_id,
        "round_number": phase.round_number,
        "model_id": phase.context.model_id,
        "updates": [_about(task, client, answers.get(task)) for task, client in updates.items()],
    }
    return json.dumps(page, indent=1) + "\n"


def _about(task: str, client: str, kept: KeptAnswer | None) -> dict[str, Any]:
    outcome = kept.answer.outcome if kept else None
    examples = outcome.num_examples if isinstance(outcome, Update) else None
    return {"client_id": client, "file": task, "num_examples": examples}


def _size(folder: Path) -> int:
    """Return the bytes of the files that stay: updates have names without a suffix."""
    staying = (path for path in folder.iterdir() if not path.suffix or path.name == _PAGE)
    return sum(path.stat().st_size for path in staying)


def _told(folder: Path, updates: int, size: int, gone: list[Path]) -> LogRecord:
    text = f"{updates} updates of this round ({size:,} bytes) are retained in {folder}."
    if folder in gone:
        text = f"The updates of this round ({size:,} bytes) are not retained: there is no room."
    elif gone:
        text += f" For them the oldest went, those of {len(gone)} rounds."
    if gone:
        text += " The combiner's setting retained_bytes_max says how much may stay."
    return LogRecord(text, LogLevel.WARNING if gone else LogLevel.INFO)

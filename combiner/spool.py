"""The combiner's folder on disk: what must be there again after a `kill -9`.

    <folder>/phases/<phase id>/phase            the request that began it (serialised `Phase`)
                              /<task id>        a whole update, its digest checked
                              /<task id>.part   an upload that is under way
                              /<task id>.object the object store may hold its update; the id of its parts
                              /<task id>.result what the client said (serialised `TaskResult`)
                              /closed           no answer counts any more that is not here
    <folder>/retained/                          updates of phases that are over; see `retained`
    <folder>/tmp/                               work in progress; emptied at start

Names are ids of ours, never a client's choice. Files are renamed into place, so what is found is whole; a phase is
renamed away before it is deleted. They are not forced to the disk: a process that dies loses nothing, a power cut costs
the updates of the running phase.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError

from fednet.errors import Unavailable
from fednet.wire import rounds_pb2, tasks_pb2


class Spool:
    """The files of the phases that this combiner holds.

    Every method raises Unavailable where the system refuses: a full disk, missing rights.

    Attributes:
        retained: The folder of what outlives its phase.
    """

    def __init__(self, folder: Path) -> None:
        self._phases = folder / "phases"
        self._tmp = folder / "tmp"
        self.retained = folder / "retained"
        with spool_errors():
            shutil.rmtree(self._tmp, ignore_errors=True)
            self._phases.mkdir(parents=True, exist_ok=True)
            self._tmp.mkdir(exist_ok=True)
            self.retained.mkdir(exist_ok=True)

    def begin(self, phase: rounds_pb2.Phase) -> None:
        """Keep a phase's request; it is there again after a restart."""
        folder = self._phases / phase.phase_id
        with spool_errors():
            folder.mkdir(exist_ok=True)
            self._write(folder / "phase", phase.SerializeToString())

    def close(self, phase_id: str) -> None:
        """Keep that the phase takes no more answers than are here."""
        with spool_errors():
            (self._phases / phase_id / "closed").touch()

    def is_closed(self, phase_id: str) -> bool:
        """Whether the phase takes no more answers than are here."""
        return (self._phases / phase_id / "closed").exists()

    def release(self, phase_id: str) -> None:
        """Delete everything of a phase; nothing happens where there is nothing."""
        gone = self.scratch()
        with spool_errors(), contextlib.suppress(FileNotFoundError):
            (self._phases / phase_id).rename(gone)
            shutil.rmtree(gone, ignore_errors=True)

    def hand_over(self, phase_id: str, target: Path) -> bool:
        """Move everything of a phase to a path in the file system of the spool; whether there was anything."""
        with spool_errors():
            try:
                (self._phases / phase_id).rename(target)
            except FileNotFoundError:
                return False
        return True

    def phases(self) -> Iterator[tuple[rounds_pb2.Phase, float]]:
        """Phases begun and not released, each with the time it began; one without a whole request is cleared away."""
        for folder in sorted(self._phases.iterdir()):
            request = read_phase(folder / "phase")
            if request and request.phase_id == folder.name:
                yield request, (folder / "phase").stat().st_mtime
            else:
                self.release(folder.name)

    def update_path(self, phase_id: str, task_id: str) -> Path:
        """Where the update of a task lies, or is to lie."""
        return self._phases / phase_id / task_id

    def keep_result(self, phase_id: str, result: tasks_pb2.TaskResult) -> None:
        """Keep what the client said."""
        with spool_errors():
            path = self._phases / phase_id / f"{result.task_id}.result"
            self._write(path, result.SerializeToString())

    def results(self, phase_id: str) -> Iterator[tasks_pb2.TaskResult]:
        """What clients said in a phase, by task id; what is not whole is as if it had not come."""
        for path in sorted((self._phases / phase_id).glob("*.result")):
            result = read_result(path)
            if result and result.task_id == path.stem:
                yield result

    def keep_object(self, phase_id: str, task_id: str, upload_id: str) -> None:
        """Keep that the object store may hold an update, and the id of its upload in parts; empty where it has none."""
        with spool_errors():
            self._write(self._phases / phase_id / f"{task_id}.object", upload_id.encode())

    def object(self, phase_id: str, task_id: str) -> str | None:
        """What was kept of an update in the object store; None if nothing was."""
        path = self._phases / phase_id / f"{task_id}.object"
        with spool_errors(), contextlib.suppress(FileNotFoundError):
            return path.read_text()
        return None

    def objects(self, phase_id: str) -> Iterator[tuple[str, str]]:
        """The tasks of which the object store may hold an update, each with what was kept."""
        with spool_errors():
            for path in sorted((self._phases / phase_id).glob("*.object")):
                yield path.stem, path.read_text()

    def scratch(self) -> Path:
        """A fresh path for work in progress, in the file system of the spool."""
        return self._tmp / str(uuid.uuid4())

    @contextlib.contextmanager
    def scratch_file(self) -> Iterator[Path]:
        """A fresh path as well; what is still there at the end is deleted."""
        path = self.scratch()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        scratch = self.scratch()
        scratch.write_bytes(data)
        scratch.replace(path)


def read_phase(path: Path) -> rounds_pb2.Phase | None:
    """The request in a file; None where there is no whole one."""
    try:
        return rounds_pb2.Phase.FromString(path.read_bytes())
    except (OSError, DecodeError):
        return None


def read_result(path: Path) -> tasks_pb2.TaskResult | None:
    """What a client said, in a file; None where there is no whole one."""
    try:
        return tasks_pb2.TaskResult.FromString(path.read_bytes())
    except (OSError, DecodeError):
        return None


@contextlib.contextmanager
def spool_errors() -> Iterator[None]:
    """What the system refuses of the spool's files, as Unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The combiner's spool cannot be used: {error.strerror}. Check the rights and the free "
            "space of its data folder.",
            field="data_dir",
        ) from error

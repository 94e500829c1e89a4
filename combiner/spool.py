"""The combiner's folder on disk: what must be there again after a `kill -9`.

    <folder>/phases/<phase id>/phase            the request that began it (serialised `Phase`)
                              /<task id>        a whole update, its digest checked
                              /<task id>.part   an upload that is under way
                              /<task id>.result what the client said of it (serialised `TaskResult`)
    <folder>/cache/<id>                         models and packages of a store that is not on this machine
    <folder>/tmp/                               work in progress; emptied at start

Names are ids of ours, never a client's choice. Files are renamed into place, so what is found is whole. They are not
forced to the disk: a process that dies loses nothing, a power cut costs the updates of the running phase.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from fednet.errors import Unavailable
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2


class Spool:
    """The files of the phases that this combiner holds."""

    def __init__(self, folder: Path) -> None:
        self._phases = folder / "phases"
        self._cache = folder / "cache"
        self._tmp = folder / "tmp"
        try:
            shutil.rmtree(self._tmp, ignore_errors=True)
            for made in (self._phases, self._cache, self._tmp):
                made.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"The spool {folder} cannot be used: {error}", field="data_dir"
            ) from error

    def begin(self, phase: rounds_pb2.Phase) -> None:
        """Keep a phase's request; it is there again after a restart."""
        folder = self._phases / phase.phase_id
        folder.mkdir(exist_ok=True)
        self._write(folder / "phase", phase.SerializeToString())

    def release(self, phase_id: str) -> None:
        """Delete everything of a phase; nothing happens where there is nothing."""
        shutil.rmtree(self._phases / phase_id, ignore_errors=True)

    def phases(self) -> Iterator[tuple[rounds_pb2.Phase, float]]:
        """Phases begun and not released, each with the time it began; one without a whole request is cleared away."""
        for folder in sorted(self._phases.iterdir()):
            request = folder / "phase"
            if request.exists():
                yield rounds_pb2.Phase.FromString(request.read_bytes()), request.stat().st_mtime
            else:
                self.release(folder.name)

    def update_path(self, phase_id: str, task_id: str) -> Path:
        """Where the update of a task lies, or is to lie."""
        return self._phases / phase_id / task_id

    def keep_result(self, phase_id: str, result: tasks_pb2.TaskResult) -> None:
        """Keep what the client said of its update."""
        self._write(self._result_path(phase_id, result.task_id), result.SerializeToString())

    def result(self, phase_id: str, task_id: str) -> tasks_pb2.TaskResult | None:
        """What the client said of its update; None where both are not here whole."""
        path = self._result_path(phase_id, task_id)
        if not path.exists() or not self.update_path(phase_id, task_id).exists():
            return None
        return tasks_pb2.TaskResult.FromString(path.read_bytes())

    def cache_path(self, ref: common_pb2.BlobRef) -> Path:
        """Where a copy of a blob lies, or is to lie."""
        return self._cache / str(uuid.UUID(ref.id))

    def scratch(self) -> Path:
        """A fresh path for work in progress, in the file system of the spool."""
        return self._tmp / str(uuid.uuid4())

    def _result_path(self, phase_id: str, task_id: str) -> Path:
        return self._phases / phase_id / f"{task_id}.result"

    def _write(self, path: Path, data: bytes) -> None:
        scratch = self.scratch()
        scratch.write_bytes(data)
        scratch.replace(path)

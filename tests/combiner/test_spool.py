"""The spool: what is on disk after any line is either there whole or not there."""

import os
import uuid

import pytest

from fednet.combiner.spool import Spool
from fednet.errors import Unavailable
from fednet.wire import rounds_pb2, tasks_pb2


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def spool(folder):
    return Spool(folder)


@pytest.fixture
def phase():
    return rounds_pb2.Phase(phase_id=str(uuid.uuid4()), clients=["a", "b"], seconds_max=60)


def result_of(phase, text="a"):
    task_id = str(uuid.uuid5(uuid.UUID(phase.phase_id), text))
    return tasks_pb2.TaskResult(task_id=task_id, validation={"metrics_json": "{}"})


def test_a_restart_finds_the_same(spool, folder, phase):
    """The request with the time it began, the results, and whether it was closed."""
    spool.begin(phase)
    os.utime(folder / "phases" / phase.phase_id / "phase", (1000.0, 1000.0))
    spool.keep_result(phase.phase_id, result_of(phase))
    spool.close(phase.phase_id)

    after = Spool(folder)

    assert list(after.phases()) == [(phase, 1000.0)]
    assert list(after.results(phase.phase_id)) == [result_of(phase)]
    assert after.is_closed(phase.phase_id)


def test_a_phase_begins_open_and_without_results(spool, phase):
    """Nothing is made up."""
    spool.begin(phase)

    assert not spool.is_closed(phase.phase_id)
    assert list(spool.results(phase.phase_id)) == []


@pytest.mark.parametrize("content", [None, b"", b"\xff\xff"])
def test_a_phase_without_a_whole_request_is_cleared_away(spool, folder, phase, content):
    """Killed before the request was written, or emptied by a power cut: there is no such phase, and no file of it."""
    spool.begin(phase)
    request = folder / "phases" / phase.phase_id / "phase"
    request.unlink()
    if content is not None:
        request.write_bytes(content)

    assert list(spool.phases()) == []
    assert list((folder / "phases").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\xff\xff"])
def test_a_result_that_is_not_whole_is_not_found(spool, folder, phase, content):
    """It is as if the client had not answered yet."""
    spool.begin(phase)
    spool.keep_result(phase.phase_id, result_of(phase, "a"))
    spool.keep_result(phase.phase_id, result_of(phase, "b"))
    half = folder / "phases" / phase.phase_id / f"{result_of(phase, 'a').task_id}.result"
    half.write_bytes(content)

    assert list(spool.results(phase.phase_id)) == [result_of(phase, "b")]


def test_work_in_progress_is_gone_after_a_restart(spool, folder):
    """What was being written when the process died takes no room."""
    spool.scratch().write_bytes(b"half")

    Spool(folder)

    assert list((folder / "tmp").iterdir()) == []


def test_release_deletes_everything_and_may_be_repeated(spool, folder, phase):
    """No file of the phase is left, whatever it was."""
    spool.begin(phase)
    spool.keep_result(phase.phase_id, result_of(phase))
    spool.update_path(phase.phase_id, "task").write_bytes(b"update")

    spool.release(phase.phase_id)
    spool.release(phase.phase_id)

    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert list(Spool(folder).phases()) == []


def test_a_release_that_was_cut_off_leaves_no_half_phase(spool, folder, phase, monkeypatch):
    """The phase is out of sight before its first file is deleted."""
    spool.begin(phase)
    spool.keep_result(phase.phase_id, result_of(phase))
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    spool.release(phase.phase_id)
    monkeypatch.undo()

    after = Spool(folder)

    assert list(after.phases()) == []
    assert list((folder / "tmp").iterdir()) == []


def test_a_spool_that_cannot_be_used_says_so(tmp_path):
    """The error is ours, and names the setting."""
    (tmp_path / "spool").write_text("a file where the folder should be")

    with pytest.raises(Unavailable) as refusal:
        Spool(tmp_path / "spool")

    assert refusal.value.field == "data_dir"


def test_what_the_system_refuses_later_is_ours_as_well(spool, phase):
    """A result for a phase whose folder has gone."""
    with pytest.raises(Unavailable):
        spool.keep_result(phase.phase_id, result_of(phase))

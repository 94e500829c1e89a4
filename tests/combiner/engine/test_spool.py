"""The spool: after any line, everything on disk is either complete or absent."""

import uuid

import pytest

from fednet.combiner.engine.spool import KeptAnswer, Spool
from fednet.combiner.machine.answers import Answer, Exchange, Failure, Update, Validation
from fednet.combiner.machine.assignment import Assignment, PhaseRecord
from fednet.combiner.machine.values import Authority, Blob, BlobKind, JsonObject, TaskKind
from fednet.digests import Algorithm, Digest
from fednet.errors import Unavailable


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def spool(folder):
    return Spool(folder)


@pytest.fixture
def record():
    assignment = Assignment(
        authority=Authority("controller-1", 3, "session"),
        phase_id=str(uuid.uuid4()),
        session_id="session",
        kind=TaskKind.TRAIN,
        helper="numpyhelper",
        clients=("a", "b"),
        seconds_max=60,
        model=Blob(BlobKind.MODEL, str(uuid.uuid4()), Digest.read("0" * 64, 5)),
        settings=JsonObject('{"lr": 1}'),
        client_settings={"a": JsonObject('{"lr": 2}')},
        attempt=2,
    )
    return PhaseRecord(assignment, 1000.5, frozenset({"c"}))


@pytest.fixture
def phase(record):
    return record.assignment


def answer_of(phase, text="a", outcome=None, update=None):
    task_id = str(uuid.uuid5(uuid.UUID(phase.phase_id), text))
    answer = Answer(task_id, outcome or Validation(JsonObject("{}")), work_seconds=1.5)
    return KeptAnswer(answer, update)


def answers_file(folder, phase):
    return folder / "phases" / phase.phase_id / "answers.log"


OUTCOMES = [
    Update(None, JsonObject('{"loss": 0.5}')),
    Update(2.5, JsonObject()),
    Validation(JsonObject('{"a": ' * 300 + "1" + "}" * 300)),
    Exchange(JsonObject(), bytes(range(256))),
    Failure("boom \U0001f600", "line 1"),
]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_restart_finds_the_same(spool, folder, record, phase, outcome):
    """The record with its time and authority, the answers with their updates and the shut mark are the same."""
    kept = answer_of(phase, outcome=outcome, update=Digest(Algorithm.BLAKE3, "a" * 64, 7))
    spool.keep_record(record)
    spool.keep_answer(phase.phase_id, kept)
    spool.shut(phase.phase_id, 2)

    after = Spool(folder)

    assert list(after.records()) == [record]
    assert after.answers(phase.phase_id) == {kept.answer.task_id: kept}
    assert after.is_shut(phase.phase_id, 2)
    assert not after.is_shut(phase.phase_id, 3)


def test_a_phase_begins_open_and_without_answers(spool, record, phase):
    """A new phase has no answers and no mark."""
    spool.keep_record(record)

    assert not spool.is_shut(phase.phase_id, 2)
    assert spool.answers(phase.phase_id) == {}


DAMAGES = [b"", b"\xff\xff", bytes(2000), b"0" * 64 + b"\n{}", b'{"old": "version"}']


@pytest.mark.parametrize("content", [None, *DAMAGES])
def test_a_phase_without_a_whole_record_is_cleared_away(
    spool, folder, record, phase, content, caplog
):
    """A phase killed before its record was written, filled with zeros or of another version leaves no file."""
    spool.keep_record(record)
    path = folder / "phases" / phase.phase_id / "record.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)

    assert list(spool.records()) == []
    assert list((folder / "phases").iterdir()) == []
    assert f"phase {phase.phase_id} is cleared away" in caplog.text


def test_what_an_earlier_version_left_is_cleared_away(spool, folder, caplog):
    """The phases of an earlier version are begun again by their controller."""
    old = folder / "phases" / str(uuid.uuid4())
    old.mkdir()
    (old / "phase").write_bytes(b"\x0a\x24serialised")

    assert list(spool.records()) == []
    assert not old.exists()
    assert f"phase {old.name} is cleared away" in caplog.text


@pytest.mark.parametrize("content", DAMAGES)
def test_a_damaged_answer_counts_as_not_received(spool, folder, record, phase, content, caplog):
    """It costs no other answer; the log names the file."""
    spool.keep_record(record)
    path = answers_file(folder, phase)
    path.write_bytes(b"\n\n" + content)
    spool.keep_answer(phase.phase_id, answer_of(phase, "b"))

    assert list(spool.answers(phase.phase_id).values()) == [answer_of(phase, "b")]
    assert not content or str(path) in caplog.text


def test_an_answer_that_was_cut_short_costs_no_other_one(spool, folder, record, phase):
    """Wherever it was cut, and whatever came after it."""
    spool.keep_record(record)
    spool.keep_answer(phase.phase_id, answer_of(phase, "a"))
    path = answers_file(folder, phase)
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        spool.keep_answer(phase.phase_id, answer_of(phase, "b"))
        assert list(spool.answers(phase.phase_id).values()) == [answer_of(phase, "b")]


def test_the_newest_answer_to_a_task_counts(spool, folder, record, phase):
    """Until it is forgotten; then a still newer one does."""
    task_id = answer_of(phase).answer.task_id
    first, second = (answer_of(phase, outcome=Update(n, JsonObject())) for n in (1, 2))
    spool.keep_record(record)

    spool.keep_answer(phase.phase_id, first)
    spool.keep_answer(phase.phase_id, second)
    assert Spool(folder).answers(phase.phase_id) == {task_id: second}

    spool.forget_answers(phase.phase_id, [task_id])
    assert Spool(folder).answers(phase.phase_id) == {}

    spool.keep_answer(phase.phase_id, first)
    assert Spool(folder).answers(phase.phase_id) == {task_id: first}


def test_work_in_progress_is_gone_after_a_restart(spool, folder):
    """A half-written file of a killed process takes no room."""
    spool.scratch().write_bytes(b"half")

    Spool(folder)

    assert list((folder / "tmp").iterdir()) == []


def test_release_deletes_everything_and_may_be_repeated(spool, folder, record, phase):
    """No file of the phase is left, whatever it was."""
    spool.keep_record(record)
    spool.keep_answer(phase.phase_id, answer_of(phase))
    spool.update_path(phase.phase_id, "task").write_bytes(b"update")

    spool.release(phase.phase_id)
    spool.release(phase.phase_id)

    assert [path for path in folder.rglob("*") if path.is_file()] == []
    assert list(Spool(folder).records()) == []


def test_a_release_that_was_cut_off_leaves_no_half_phase(spool, folder, record, phase, monkeypatch):
    """The phase is out of sight before its first file is deleted."""
    spool.keep_record(record)
    spool.keep_answer(phase.phase_id, answer_of(phase))
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    spool.release(phase.phase_id)
    monkeypatch.undo()

    after = Spool(folder)

    assert list(after.records()) == []
    assert list((folder / "tmp").iterdir()) == []


def test_a_spool_that_cannot_be_used_says_so(tmp_path):
    """The error is ours, and names the setting."""
    (tmp_path / "spool").write_text("a file where the folder should be")

    with pytest.raises(Unavailable) as refusal:
        Spool(tmp_path / "spool")

    assert refusal.value.field == "data_dir"


def test_what_the_system_refuses_later_is_ours_as_well(spool, phase):
    """An answer for a phase whose folder has gone raises our own error."""
    with pytest.raises(Unavailable):
        spool.keep_answer(phase.phase_id, answer_of(phase))

"""News of combiners as documents and as events of sessions; the texts of clients in it can do no harm."""

import json

import pytest

from fednet import limits
from fednet.controller.records import COLLECTIONS, Records
from fednet.controller.sessions.engine import from_combiners, reports
from fednet.controller.sessions.machine.events import Answered, PhaseClosed, Unanswered
from fednet.storage import open_documents
from fednet.wire import rounds_pb2, tasks_pb2

NO_JSON = ["{", "NaN", '{"a": 1e999}', "[" * 10_000, '"' + "x" * 100_000, "1" * 5000]


@pytest.fixture
def event():
    """Return a function that makes an event of a training phase."""

    def make(number=7, kind=tasks_pb2.TRAIN, **what):
        phase = rounds_pb2.PhaseContext(
            phase_id="p", session_id="s", round_id="r", round_number=2, model_id="m", kind=kind
        )
        return rounds_pb2.Event(
            number=number, happened_at=1e9, phase=phase, task_id="t", client_id="c", **what
        )

    return make


def session_event(event, combiner="k", name="site"):
    return reports.event_of(from_combiners.read(combiner, event), name)


def documents(event, collection, combiner="k", epoch="e", name="site"):
    """Return the documents of this collection that an event leaves behind."""
    found = reports.documents_of(from_combiners.read(combiner, event), epoch, name)
    return [document for where, document in found if where == collection]


def document(*arguments, **options):
    [found] = documents(*arguments, **options)
    return found


def test_an_update_is_an_answer_with_where_its_time_went(event):
    """The client is named by its id."""
    folded = rounds_pb2.UpdateFolded(num_examples=5, train_seconds=0.5)

    told = session_event(event(update_folded=folded))

    assert isinstance(told, Answered)
    assert (told.phase_id, told.combiner, told.client, told.num_examples) == ("p", "k", "c", 5.0)
    assert told.seconds == {"download": 0, "train": 0.5, "upload": 0, "fold": 0}


def test_a_value_of_an_exchange_is_an_answer_with_its_content(event):
    """JSON is parsed, and bytes are kept; a value that is no object counts as none."""
    given = rounds_pb2.ExchangeReported(value_json='{"key": 1}', value=b"x")
    odd = rounds_pb2.ExchangeReported(value_json="[1]")

    told = session_event(event(exchange=given))

    assert (told.value, told.content) == ({"key": 1}, b"x")
    assert session_event(event(exchange=odd)).value == {}


def test_the_other_events_of_a_session(event):
    """Closes and failures are events of the session; a log record is none."""
    closed = rounds_pb2.PhaseClosed(answers=2, weight=3.0, failure="", attempt=1)
    unanswered = rounds_pb2.TaskUnanswered(why="FAILED", message="no")

    assert session_event(event(phase_closed=closed)) == PhaseClosed("k", "p", 2, 3.0, attempt=1)
    assert session_event(event(unanswered=unanswered)) == Unanswered("p", "c", "site", "no")
    assert session_event(event(log=tasks_pb2.LogRecord(text="hi"))) is None


def test_a_validation_names_its_metrics_its_client_and_its_combiner(event):
    """The metrics are an object."""
    reported = rounds_pb2.ValidationReported(metrics_json='{"accuracy": 0.5}')

    told = document(event(validation=reported), "validations")

    assert told["metrics"] == {"accuracy": 0.5}
    assert told["client"] == {"id": "c", "name": "site"}
    assert told["combiner"] == "k"
    assert (told["id"], told["task_id"], told["model_id"]) == ("t", "t", "m")


def test_a_prediction_names_its_result_its_client_and_its_combiner(event):
    """The document names the session, which is the same for all clients."""
    reported = rounds_pb2.PredictionReported(result_json='{"labels": [1]}')

    told = document(event(prediction=reported), "predictions")

    assert told["result"] == {"labels": [1]}
    assert (told["id"], told["model_id"], told["prediction_id"]) == ("t", "m", "s")
    assert told["client"] == {"id": "c", "name": "site"}
    assert told["combiner"] == "k"


def test_a_failed_task_is_an_error_with_its_traceback(event):
    """The traceback lets the author of the code find the fault."""
    unanswered = rounds_pb2.TaskUnanswered(why="FAILED", message="no", traceback="Traceback …")

    status = document(event(unanswered=unanswered), "statuses")

    assert (status["type"], status["log_level"], status["message"]) == ("LOG", "ERROR", "no")
    assert status["details"]["traceback"] == "Traceback …"


@pytest.mark.parametrize(
    ("kind", "what", "expected"),
    [
        (tasks_pb2.TRAIN, {"task_sent": rounds_pb2.TaskSent()}, "MODEL_UPDATE_REQUEST"),
        (tasks_pb2.VALIDATE, {"task_sent": rounds_pb2.TaskSent()}, "MODEL_VALIDATION_REQUEST"),
        (tasks_pb2.TRAIN, {"update_folded": rounds_pb2.UpdateFolded()}, "MODEL_UPDATE"),
        (tasks_pb2.VALIDATE, {"validation": rounds_pb2.ValidationReported()}, "MODEL_VALIDATION"),
        (tasks_pb2.PREDICT, {"task_sent": rounds_pb2.TaskSent()}, "MODEL_PREDICTION_REQUEST"),
        (tasks_pb2.PREDICT, {"prediction": rounds_pb2.PredictionReported()}, "MODEL_PREDICTION"),
    ],
)
def test_statuses_have_fedns_types(event, kind, what, expected):
    """People and dashboards know them."""
    assert document(event(kind=kind, **what), "statuses")["type"] == expected


def test_a_status_told_twice_is_one_and_after_a_restart_another(event):
    """Its id comes from the combiner's process and the event's number."""
    sent = event(task_sent=rounds_pb2.TaskSent())
    first, again, after_restart = (
        document(sent, "statuses", epoch=epoch)["id"] for epoch in ("e", "e", "f")
    )

    assert first == again != after_restart


def test_what_people_need_not_read_is_no_status(event):
    """The close of a phase is no status."""
    assert documents(event(phase_closed=rounds_pb2.PhaseClosed()), "statuses") == []


@pytest.mark.parametrize("text", NO_JSON, ids=range(len(NO_JSON)))
def test_text_of_a_client_that_is_no_json_is_kept_as_text_and_can_be_stored(event, text):
    """The text is cut to its limit; infinite numbers and endless nesting are no JSON for us."""
    reported = event(validation=rounds_pb2.ValidationReported(metrics_json=text))
    folded = event(update_folded=rounds_pb2.UpdateFolded(metadata_json=text))
    records = Records(open_documents("memory://", COLLECTIONS))

    stored = records.insert("validations", document(reported, "validations"))
    answer = records.insert("answers", document(folded, "answers"))

    assert stored["metrics"] == text[: limits.json_bytes_max]
    assert answer["metadata"] == text[: limits.metadata_characters_max]


def test_values_that_no_store_takes_are_replaced(event):
    """Lone surrogates and integers of thousands of digits, as an older combiner lets through."""
    text = '{"\\ud800": 1, "digits": ' + "1" * 4000 + ', "text": "a\\udfff"}'
    reported = event(validation=rounds_pb2.ValidationReported(metrics_json=text))
    folded = event(update_folded=rounds_pb2.UpdateFolded(metadata_json=text[:20] + "}"))
    records = Records(open_documents("memory://", COLLECTIONS))

    stored = records.insert("validations", document(reported, "validations"))
    status = records.insert("statuses", document(reported, "statuses"))
    records.insert("answers", document(folded, "answers"))

    assert stored["metrics"] == {"\ufffd": 1, "digits": None, "text": "a\ufffd"}
    assert status["details"]["metrics"] == stored["metrics"]


def test_whatever_a_client_logs_can_be_stored(event):
    """A level of a newer version, an endless text and a wrong id are all stored."""
    record = tasks_pb2.LogRecord(level=99, text="x" * 10**6)
    told = event(log=record)
    told.task_id = "t" * 10_000
    records = Records(open_documents("memory://", COLLECTIONS))

    stored = records.insert("statuses", document(told, "statuses"))

    assert stored["log_level"] == "INFO"
    assert len(stored["message"]) == limits.text_characters_max


def test_what_a_combiner_logs_itself_is_told_by_it(event):
    """The status has no client."""
    told = event(log=tasks_pb2.LogRecord(level=tasks_pb2.LogRecord.WARNING, text="no room"))
    told.client_id = ""

    line = document(told, "statuses", name="")

    assert line["source"] == {"kind": "combiner", "name": "k", "id": ""}
    assert (line["log_level"], line["message"]) == ("WARNING", "no room")


def test_messages_and_tracebacks_are_bounded(event):
    """A message keeps its beginning, and a traceback its end."""
    unanswered = rounds_pb2.TaskUnanswered(why="FAILED", message="m" * 10**6, traceback="t" * 10**6)

    told = session_event(event(unanswered=unanswered))
    status = document(event(unanswered=unanswered), "statuses")

    assert len(told.message) == limits.problem_characters_max
    assert len(status["details"]["traceback"]) == limits.traceback_characters_max


def test_a_kind_of_task_that_only_a_newer_client_knows_is_left_out():
    """The others still count."""
    able = from_combiners.capabilities(rounds_pb2.Capabilities(kinds=[tasks_pb2.TRAIN, 77]))

    assert able.kinds == {"TRAIN"}


def test_every_number_that_comes_with_an_update_is_a_metric(event, records):
    """The metric's step is the round; a number that is not finite gives none."""
    reported = {"loss": 0.5, "steps": 3, "ok": True, "note": "x", "huge": 10**400, "k" * 300: 1}
    folded = rounds_pb2.UpdateFolded(num_examples=5, metadata_json=json.dumps(reported))

    metrics = documents(event(update_folded=folded), "metrics")
    records.documents.insert_missing("metrics", metrics)

    assert {each["key"]: each["value"] for each in metrics[:2]} == {"loss": 0.5, "steps": 3.0}
    assert len(metrics) == 3
    assert {each["step"] for each in metrics} == {2}


@pytest.mark.parametrize("metadata_json", NO_JSON)
def test_metadata_that_is_no_json_gives_no_metrics(event, metadata_json):
    """Such metadata does no harm."""
    folded = rounds_pb2.UpdateFolded(num_examples=5, metadata_json=metadata_json)

    assert documents(event(update_folded=folded), "metrics") == []

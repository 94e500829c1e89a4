"""The border to the clients: long texts are cut, and wrong answers are refused with a reason."""

import json

import pytest

from fednet import limits
from fednet.combiner.facades.wire.from_clients import (
    answer_of,
    capabilities_of,
    log_record_of,
    seconds_of,
)
from fednet.combiner.machine.answers import Answer, Exchange, Failure, Why
from fednet.combiner.machine.values import JsonObject, LogLevel, TaskKind
from fednet.wire import tasks_pb2

TRAIN, TRAIN_PRIVATELY, VALIDATE, PREDICT, EXCHANGE, *_SECURE = TaskKind

BAD_JSON = [
    ("no json", "not JSON"),
    ('{"loss": NaN}', "NaN is not a finite number"),
    ('{"loss": -Infinity}', "-Infinity is not a finite number"),
    ('{"loss": 1e999}', "1e999 is not a finite number"),
    ('{"\\ud800": 1}', "a name has a lone surrogate"),
    ('{"a": [{"b": "\\udfff"}]}', "a.0.b has a lone surrogate"),
    ('{"a": 18446744073709551616}', "a is an integer of more than 64 bits"),
    ('{"a": ' + "1" * 4000 + "}", "a is an integer of more than 64 bits"),
    ('{"a": ' + "[" * 70 + "]" * 70 + "}", "levels deep"),
    ('{"a": ' + "[" * 500 + "]" * 500 + "}", "levels deep"),
    ('{"num_examples": 1, "num_examples": 2}', "twice"),
    ("[1, 2]", "must be a JSON object"),
    ("3", "must be a JSON object"),
    ("[" * 100_000, "not JSON"),
    ('{"a": ' * 20_000, "not JSON"),
    ('{"a": ' + "1" * 10_000 + "}", "not JSON"),
    (json.dumps({"a": "x" * limits.json_bytes_max}), "return less"),
    (json.dumps({"a": "ä" * (limits.json_bytes_max // 2)}, ensure_ascii=False), "return less"),
]


def validation(metrics_json):
    return tasks_pb2.TaskResult(task_id="t", validation={"metrics_json": metrics_json})


def prediction(result_json):
    return tasks_pb2.TaskResult(task_id="t", prediction={"result_json": result_json})


def update(metadata_json):
    return tasks_pb2.TaskResult(task_id="t", update={"metadata_json": metadata_json})


def exchange(value_json="", value=b""):
    return tasks_pb2.TaskResult(task_id="t", exchange={"value_json": value_json, "value": value})


def outcome_of(kind, result):
    answer = answer_of(kind, result)
    assert answer.task_id == "t"
    return answer.outcome


@pytest.mark.parametrize(("text", "reason"), BAD_JSON)
@pytest.mark.parametrize(
    ("kind", "result", "field"),
    [
        (TRAIN, update, "metadata"),
        (TRAIN_PRIVATELY, update, "metadata"),
        (VALIDATE, validation, "metrics"),
        (PREDICT, prediction, "predictions"),
        (EXCHANGE, exchange, "value_json"),
    ],
)
def test_json_that_nobody_could_use_is_refused(kind, result, field, text, reason):
    """The reason names what is wrong, and what it is wrong with."""
    event = outcome_of(kind, result(text))

    assert event == Failure(event.message, why=Why.REFUSED)
    assert field in event.message
    assert reason in event.message
    assert len(event.message) < 200


@pytest.mark.parametrize(
    "text", ["{}", '{"loss": 0.5, "confusion": [[1, 2], [3, 4]], "note": "x"}']
)
def test_a_json_object_is_an_answer(text):
    """Any finite numbers and texts are accepted."""
    assert not isinstance(outcome_of(TRAIN, update(text)), Failure)
    assert not isinstance(outcome_of(VALIDATE, validation(text)), Failure)
    assert not isinstance(outcome_of(PREDICT, prediction(text)), Failure)


def test_an_update_needs_no_metadata_and_the_others_need_their_json():
    """Training may have nothing else to report."""
    assert not isinstance(outcome_of(TRAIN, update("")), Failure)
    assert outcome_of(VALIDATE, validation("")).why is Why.REFUSED
    assert outcome_of(PREDICT, prediction("")).why is Why.REFUSED


@pytest.mark.parametrize(
    ("kind", "result", "given"),
    [
        (TRAIN, validation("{}"), "'validation'"),
        (VALIDATE, update("{}"), "'update'"),
        (PREDICT, validation("{}"), "'validation'"),
        (TRAIN, tasks_pb2.TaskResult(task_id="t"), "None"),
    ],
)
def test_the_answer_to_another_question_is_refused(kind, result, given):
    """A task of one kind cannot be answered with the outcome of another."""
    event = outcome_of(kind, result)

    assert event.why is Why.REFUSED
    assert given in event.message


def test_a_failure_keeps_the_beginning_of_its_message_and_the_end_of_its_traceback():
    """The beginning of a message and the end of a traceback say what happened."""
    failure = {"message": "boom" + "x" * 10**6, "traceback": "x" * 10**6 + "KeyError"}

    event = outcome_of(TRAIN, tasks_pb2.TaskResult(task_id="t", failure=failure))

    assert event.why is Why.FAILED
    assert event.message.startswith("boom")
    assert event.traceback.endswith("KeyError")
    assert len(event.message) == limits.text_characters_max
    assert len(event.traceback) == limits.traceback_characters_max


def test_what_a_later_version_says_is_understood_as_far_as_it_goes():
    """Unknown kinds are left out, an unknown level is INFO; each kind stands once."""
    codec_parts = ["zstd", "int8"] * 1000 + ["int4", "x" * 10**6]
    hello = tasks_pb2.Hello(kinds=[tasks_pb2.TRAIN] * 1000 + [77], codec_parts=codec_parts)
    record = tasks_pb2.LogRecord(level=77, text="x" * 10**6, task_id="t")

    assert list(capabilities_of(hello).kinds) == [TRAIN]
    assert capabilities_of(hello).codec_parts == {"zstd", "int8"}
    assert log_record_of(record).level == LogLevel.INFO
    assert len(log_record_of(record).text) == limits.text_characters_max


@pytest.mark.parametrize(
    ("said", "meant"),
    [(1.5, 1.5), (0.0, 0.0), (-1.0, 0.0), (float("nan"), 0.0), (float("inf"), 0.0)],
)
def test_a_duration_is_a_finite_number_from_0_on(said, meant):
    """A number that is no duration becomes 0."""
    assert seconds_of(said) == meant


def test_an_exchange_is_an_object_or_bytes_or_both_or_nothing():
    """Its bytes are kept as they are, up to a limit."""
    whole = exchange('{"a": 1}', b"\x00\xff")
    largest = exchange(value=bytes(limits.exchange_bytes_max))
    too_large = exchange(value=bytes(limits.exchange_bytes_max + 1))

    assert outcome_of(EXCHANGE, whole) == Exchange(JsonObject('{"a": 1}'), b"\x00\xff")
    assert outcome_of(EXCHANGE, exchange()) == Exchange(JsonObject(), b"")
    assert len(outcome_of(EXCHANGE, largest).value) == limits.exchange_bytes_max
    refused = outcome_of(EXCHANGE, too_large)
    assert refused.why is Why.REFUSED
    assert f"at most {limits.exchange_bytes_max}" in refused.message


def test_an_answer_carries_the_seconds_that_its_client_measured():
    """A number that is no duration becomes 0 in the answer."""
    result = update("")
    result.download_seconds, result.work_seconds, result.upload_seconds = 1.5, -1, float("nan")

    answer = answer_of(TRAIN, result)

    assert answer == Answer("t", answer.outcome, 1.5, 0.0, 0.0)

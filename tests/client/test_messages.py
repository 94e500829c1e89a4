"""The border to the wire: incoming messages are checked once, and outgoing ones say what was meant."""

import json
import math

import pytest

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.client.messages import answer_message, hello_message, log_message, task_of
from fednet.client.tasks import Answer, Failure, Prediction, Update, Validation
from fednet.digests import Algorithm, Digest
from fednet.errors import InvalidInput
from fednet.update_codec import PLAIN_CODEC, codec_of
from fednet.wire import common_pb2, tasks_pb2

MODEL = common_pb2.BlobRef(kind="MODEL", id="m", size_bytes=7, digest="blake3:" + 64 * "a")


def task(**fields):
    return tasks_pb2.Task(**{"task_id": "t", "kind": "TRAIN", "model": MODEL} | fields)


def test_a_task_is_read_with_all_that_it_says():
    """The settings of a task are values, and its kind is a name."""
    package = common_pb2.BlobRef(kind="PACKAGE", id="p", size_bytes=8, digest=64 * "c")
    read = task_of(
        task(
            package=package,
            round_number=3,
            helper="numpyhelper",
            settings_json='{"epochs": 2}',
            seconds_left=4.5,
            warrant="signed",
            update_codec="delta+int8",
        )
    )

    assert (read.id, read.kind, read.round_number, read.helper) == ("t", "TRAIN", 3, "numpyhelper")
    assert read.model == BlobRef("MODEL", "m", Digest(Algorithm.BLAKE3, 64 * "a", 7))
    assert read.package == BlobRef("PACKAGE", "p", Digest(Algorithm.SHA256, 64 * "c", 8))
    assert read.settings == {"epochs": 2}
    assert (read.seconds_left, read.warrant) == (4.5, "signed")
    assert read.update_codec == codec_of("delta+int8")


def test_what_a_task_leaves_out_is_none():
    """A task without package, settings and deadline has none of them; its update travels as it is."""
    read = task_of(task())

    assert (read.package, read.settings, read.seconds_left) == (None, {}, None)
    assert read.update_codec == PLAIN_CODEC


def test_an_unknown_codec_fails_the_task():
    """No combiner asks for a codec that the hello does not have."""
    with pytest.raises(InvalidInput, match="int4"):
        task_of(task(update_codec="int4"))


def test_a_hello_has_the_parts_of_codecs():
    """So the combiner asks for no codec that this version cannot encode."""
    hello = hello_message({"TRAIN"}, needs_package=False).hello

    assert list(hello.codec_parts) == ["delta", "bf16", "int8", "zstd"]


def test_a_kind_of_a_later_version_keeps_its_number():
    """The task fails with it, and the stream goes on."""
    assert task_of(task(kind=77)).kind == "77"


@pytest.mark.parametrize("seconds_left", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_time_that_is_none_is_no_deadline(seconds_left):
    """The answer is kept until its receipt."""
    assert task_of(task(seconds_left=seconds_left)).seconds_left is None


@pytest.mark.parametrize("text", ["{", "[1]", "3", "null", "[" * 100_000])
def test_settings_that_are_no_json_object_are_refused(text):
    """The error names the field."""
    with pytest.raises(InvalidInput) as caught:
        task_of(task(settings_json=text))

    assert caught.value.field == "settings_json"


@pytest.mark.parametrize(
    ("outcome", "name", "said"),
    [
        (Update(3.0, {"loss": 1}), "update", {"num_examples": 3.0, "metadata_json": {"loss": 1}}),
        (Validation({"accuracy": 0.5}), "validation", {"metrics_json": {"accuracy": 0.5}}),
        (Prediction({"labels": [1]}), "prediction", {"result_json": {"labels": [1]}}),
        (Failure("b\udce9d", "line 1"), "failure", {"message": "b?d", "traceback": "line 1"}),
    ],
)
def test_an_answer_says_its_outcome_and_its_times(outcome, name, said):
    """A text that no wire can carry is made one that it can."""
    result = answer_message(Answer("t", outcome, 1.0, 2.0, 3.0)).result

    assert result.WhichOneof("outcome") == name
    fields = {field.name: value for field, value in getattr(result, name).ListFields()}
    read = {key: json.loads(value) if "_json" in key else value for key, value in fields.items()}
    assert read == said
    assert (result.download_seconds, result.work_seconds, result.upload_seconds) == (1, 2, 3)


def test_a_hello_says_what_the_client_can_do():
    """Each kind by its name; every client that trains does so privately and in secure aggregation, too."""
    hello = hello_message({"VALIDATE", "TRAIN"}, needs_package=True).hello

    assert set(hello.kinds) == {
        tasks_pb2.TRAIN,
        tasks_pb2.TRAIN_PRIVATELY,
        tasks_pb2.EXCHANGE_SECURELY,
        tasks_pb2.TRAIN_MASKED,
        tasks_pb2.SUM_MASKS,
        tasks_pb2.VALIDATE,
    }
    assert hello.needs_package


def test_a_log_line_is_cut_to_its_end():
    """The end of an output says why it ended."""
    record = log_message("x" * limits.traceback_characters_max + "end", "t").log

    assert len(record.text) == limits.traceback_characters_max
    assert record.text.endswith("end")
    assert record.task_id == "t"

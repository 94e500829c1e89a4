"""Targets that read messages: chunks, answers of clients, JSON of requests, a package's own process."""

import io
from pathlib import Path

from google.protobuf.message import DecodeError

from fednet import limits
from fednet.combiner.facades.wire.from_clients import answer_of, capabilities_of, log_record_of
from fednet.combiner.machine.values import TaskKind
from fednet.controller.api.request_json import RequestJson
from fednet.errors import InvalidInput, TaskFailed, TransferCorrupted
from fednet.host._messages import Inbox, encode
from fednet.rpc import ChunkRule
from fednet.rpc._chunks import (
    download_messages,
    read_download_message,
    read_upload_message,
    upload_messages,
)
from fednet.wire import models_pb2, tasks_pb2

from .target import Target


def _feed_chunk(content: bytes, _folder: Path) -> None:
    _check_chunk(read_download_message(content), models_pb2.DownloadPart.FromString(content).chunk)
    part = read_upload_message(content)
    if isinstance(part, models_pb2.UploadHeader):
        assert part == models_pb2.UploadPart.FromString(content).header
    else:
        _check_chunk(part, models_pb2.UploadPart.FromString(content).chunk)
        ChunkRule().check(len(part.data))
        part.checked_data()


def _check_chunk(chunk, as_protobuf):
    assert (bytes(chunk.data), chunk.crc32c) == (as_protobuf.data, as_protobuf.crc32c)


def _chunk_seeds(_folder: Path) -> list[bytes]:
    header = models_pb2.UploadHeader(task_id="task", size_bytes=20, digest="blake3:00")
    file = io.BytesIO(b"numbers of a model")
    return [*upload_messages(header, file), *download_messages(file, 3)]


def _feed_client_message(content: bytes, _folder: Path) -> None:
    message = tasks_pb2.ClientMessage.FromString(content)
    capabilities_of(message.hello)
    assert len(log_record_of(message.log).text) <= limits.text_characters_max
    for kind in (*TaskKind, None):
        answer_of(kind, message.result)


def _client_message_seeds(_folder: Path) -> list[bytes]:
    results = [
        tasks_pb2.TaskResult(
            task_id="1",
            update={"num_examples": 3, "metadata_json": '{"a": [1.5, null, {"b": "c"}]}'},
        ),
        tasks_pb2.TaskResult(task_id="2", validation={"metrics_json": '{"accuracy": 1e-3}'}),
        tasks_pb2.TaskResult(task_id="3", prediction={"result_json": "{}"}, work_seconds=2.5),
        tasks_pb2.TaskResult(task_id="4", exchange={"value": b"1", "value_json": '{"x": true}'}),
        tasks_pb2.TaskResult(task_id="5", failure={"message": "m", "traceback": "t"}),
    ]
    messages = [
        *(tasks_pb2.ClientMessage(result=result) for result in results),
        tasks_pb2.ClientMessage(hello={"kinds": ["TRAIN"], "codec_parts": ["zstd"]}),
        tasks_pb2.ClientMessage(log={"text": "line", "level": "WARNING"}),
    ]
    return [message.SerializeToString() for message in messages]


def _feed_process(content: bytes, _folder: Path) -> None:
    inbox, file = Inbox(), io.BytesIO(content)
    while inbox.message is None and (piece := file.read(inbox.wanted_bytes)):
        inbox.feed(piece)
    assert inbox.message is None or isinstance(inbox.message, dict)


_JSON = [
    b'{"name": "one", "rounds": 3, "settings": {"a": [1, 2.5e3, true, null]}, "text": "\\u00fc"}',
    b'[[[[]]], {"a": {"b": {"c": -0.1}}}, "\\ud83d\\ude00", 18446744073709551615]',
]

TARGETS = [
    Target("chunk", _feed_chunk, _chunk_seeds, (DecodeError, TransferCorrupted, InvalidInput)),
    Target("client-message", _feed_client_message, _client_message_seeds, (DecodeError,)),
    Target("json", lambda text, _: RequestJson.loads(text), lambda _: _JSON, (InvalidInput,)),
    Target(
        "process-message",
        _feed_process,
        lambda _: [encode({"metrics": {"loss": 0.5}})],
        (TaskFailed,),
    ),
]

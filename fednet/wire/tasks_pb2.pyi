from fednet.wire import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_KIND_UNSPECIFIED: _ClassVar[TaskKind]
    TRAIN: _ClassVar[TaskKind]
    VALIDATE: _ClassVar[TaskKind]
    PREDICT: _ClassVar[TaskKind]
    EXCHANGE: _ClassVar[TaskKind]
    TRAIN_PRIVATELY: _ClassVar[TaskKind]
    EXCHANGE_SECURELY: _ClassVar[TaskKind]
    TRAIN_MASKED: _ClassVar[TaskKind]
    SUM_MASKS: _ClassVar[TaskKind]
TASK_KIND_UNSPECIFIED: TaskKind
TRAIN: TaskKind
VALIDATE: TaskKind
PREDICT: TaskKind
EXCHANGE: TaskKind
TRAIN_PRIVATELY: TaskKind
EXCHANGE_SECURELY: TaskKind
TRAIN_MASKED: TaskKind
SUM_MASKS: TaskKind

class ClientMessage(_message.Message):
    __slots__ = ("hello", "result", "log", "renewal", "readiness")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    RENEWAL_FIELD_NUMBER: _ClassVar[int]
    READINESS_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    result: TaskResult
    log: LogRecord
    renewal: Renewal
    readiness: Readiness
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., result: _Optional[_Union[TaskResult, _Mapping]] = ..., log: _Optional[_Union[LogRecord, _Mapping]] = ..., renewal: _Optional[_Union[Renewal, _Mapping]] = ..., readiness: _Optional[_Union[Readiness, _Mapping]] = ...) -> None: ...

class Readiness(_message.Message):
    __slots__ = ("step", "awaited")
    STEP_FIELD_NUMBER: _ClassVar[int]
    AWAITED_FIELD_NUMBER: _ClassVar[int]
    step: str
    awaited: _containers.RepeatedCompositeFieldContainer[Approval]
    def __init__(self, step: _Optional[str] = ..., awaited: _Optional[_Iterable[_Union[Approval, _Mapping]]] = ...) -> None: ...

class Approval(_message.Message):
    __slots__ = ("digest", "session_id")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    digest: str
    session_id: str
    def __init__(self, digest: _Optional[str] = ..., session_id: _Optional[str] = ...) -> None: ...

class Renewal(_message.Message):
    __slots__ = ("placement_token",)
    PLACEMENT_TOKEN_FIELD_NUMBER: _ClassVar[int]
    placement_token: str
    def __init__(self, placement_token: _Optional[str] = ...) -> None: ...

class CombinerMessage(_message.Message):
    __slots__ = ("welcome", "task", "cancel", "receipt")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    task: Task
    cancel: CancelTask
    receipt: ResultReceipt
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., task: _Optional[_Union[Task, _Mapping]] = ..., cancel: _Optional[_Union[CancelTask, _Mapping]] = ..., receipt: _Optional[_Union[ResultReceipt, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("needs_package", "kinds", "codec_parts", "readiness")
    NEEDS_PACKAGE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    CODEC_PARTS_FIELD_NUMBER: _ClassVar[int]
    READINESS_FIELD_NUMBER: _ClassVar[int]
    needs_package: bool
    kinds: _containers.RepeatedScalarFieldContainer[TaskKind]
    codec_parts: _containers.RepeatedScalarFieldContainer[str]
    readiness: Readiness
    def __init__(self, needs_package: bool = ..., kinds: _Optional[_Iterable[_Union[TaskKind, str]]] = ..., codec_parts: _Optional[_Iterable[str]] = ..., readiness: _Optional[_Union[Readiness, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("combiner",)
    COMBINER_FIELD_NUMBER: _ClassVar[int]
    combiner: str
    def __init__(self, combiner: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("task_id", "kind", "session_id", "round_id", "round_number", "model", "package", "helper", "settings_json", "seconds_left", "warrant", "update_codec", "privacy", "secure", "message_json", "traceparent")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    HELPER_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    WARRANT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_CODEC_FIELD_NUMBER: _ClassVar[int]
    PRIVACY_FIELD_NUMBER: _ClassVar[int]
    SECURE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_JSON_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    kind: TaskKind
    session_id: str
    round_id: str
    round_number: int
    model: _common_pb2.BlobRef
    package: _common_pb2.BlobRef
    helper: str
    settings_json: str
    seconds_left: float
    warrant: str
    update_codec: str
    privacy: str
    secure: str
    message_json: str
    traceparent: str
    def __init__(self, task_id: _Optional[str] = ..., kind: _Optional[_Union[TaskKind, str]] = ..., session_id: _Optional[str] = ..., round_id: _Optional[str] = ..., round_number: _Optional[int] = ..., model: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., package: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., helper: _Optional[str] = ..., settings_json: _Optional[str] = ..., seconds_left: _Optional[float] = ..., warrant: _Optional[str] = ..., update_codec: _Optional[str] = ..., privacy: _Optional[str] = ..., secure: _Optional[str] = ..., message_json: _Optional[str] = ..., traceparent: _Optional[str] = ...) -> None: ...

class TaskResult(_message.Message):
    __slots__ = ("task_id", "update", "validation", "failure", "prediction", "exchange", "download_seconds", "work_seconds", "upload_seconds")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WORK_SECONDS_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    update: Update
    validation: Validation
    failure: Failure
    prediction: Prediction
    exchange: Exchange
    download_seconds: float
    work_seconds: float
    upload_seconds: float
    def __init__(self, task_id: _Optional[str] = ..., update: _Optional[_Union[Update, _Mapping]] = ..., validation: _Optional[_Union[Validation, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., prediction: _Optional[_Union[Prediction, _Mapping]] = ..., exchange: _Optional[_Union[Exchange, _Mapping]] = ..., download_seconds: _Optional[float] = ..., work_seconds: _Optional[float] = ..., upload_seconds: _Optional[float] = ...) -> None: ...

class Update(_message.Message):
    __slots__ = ("num_examples", "metadata_json")
    NUM_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    num_examples: float
    metadata_json: str
    def __init__(self, num_examples: _Optional[float] = ..., metadata_json: _Optional[str] = ...) -> None: ...

class Validation(_message.Message):
    __slots__ = ("metrics_json",)
    METRICS_JSON_FIELD_NUMBER: _ClassVar[int]
    metrics_json: str
    def __init__(self, metrics_json: _Optional[str] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("result_json",)
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    result_json: str
    def __init__(self, result_json: _Optional[str] = ...) -> None: ...

class Exchange(_message.Message):
    __slots__ = ("value_json", "value")
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value_json: str
    value: bytes
    def __init__(self, value_json: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("message", "traceback", "awaits_approval")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    AWAITS_APPROVAL_FIELD_NUMBER: _ClassVar[int]
    message: str
    traceback: str
    awaits_approval: bool
    def __init__(self, message: _Optional[str] = ..., traceback: _Optional[str] = ..., awaits_approval: bool = ...) -> None: ...

class CancelTask(_message.Message):
    __slots__ = ("task_id",)
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    def __init__(self, task_id: _Optional[str] = ...) -> None: ...

class ResultReceipt(_message.Message):
    __slots__ = ("task_id", "accepted", "reason")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    accepted: bool
    reason: str
    def __init__(self, task_id: _Optional[str] = ..., accepted: bool = ..., reason: _Optional[str] = ...) -> None: ...

class LogRecord(_message.Message):
    __slots__ = ("level", "text", "task_id")
    class Level(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        DEBUG: _ClassVar[LogRecord.Level]
        INFO: _ClassVar[LogRecord.Level]
        WARNING: _ClassVar[LogRecord.Level]
        ERROR: _ClassVar[LogRecord.Level]
        AUDIT: _ClassVar[LogRecord.Level]
    DEBUG: LogRecord.Level
    INFO: LogRecord.Level
    WARNING: LogRecord.Level
    ERROR: LogRecord.Level
    AUDIT: LogRecord.Level
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    level: LogRecord.Level
    text: str
    task_id: str
    def __init__(self, level: _Optional[_Union[LogRecord.Level, str]] = ..., text: _Optional[str] = ..., task_id: _Optional[str] = ...) -> None: ...

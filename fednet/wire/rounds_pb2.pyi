from fednet.wire import common_pb2 as _common_pb2
from fednet.wire import tasks_pb2 as _tasks_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Authority(_message.Message):
    __slots__ = ("controller", "term", "session_id")
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    controller: str
    term: int
    session_id: str
    def __init__(self, controller: _Optional[str] = ..., term: _Optional[int] = ..., session_id: _Optional[str] = ...) -> None: ...

class Phase(_message.Message):
    __slots__ = ("phase_id", "session_id", "round_id", "round_number", "kind", "model", "package", "helper", "settings_json", "clients", "seconds_max", "aggregator", "aggregator_settings_json", "share_partial", "keep_updates", "retain_updates", "client_settings_json", "attempt", "authority", "warrant", "update_codec", "examples_max", "privacy", "secure", "client_messages_json", "traceparent")
    class ClientSettingsJsonEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class ClientMessagesJsonEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PHASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_NUMBER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    HELPER_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_MAX_FIELD_NUMBER: _ClassVar[int]
    AGGREGATOR_FIELD_NUMBER: _ClassVar[int]
    AGGREGATOR_SETTINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    SHARE_PARTIAL_FIELD_NUMBER: _ClassVar[int]
    KEEP_UPDATES_FIELD_NUMBER: _ClassVar[int]
    RETAIN_UPDATES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SETTINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    WARRANT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_CODEC_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_MAX_FIELD_NUMBER: _ClassVar[int]
    PRIVACY_FIELD_NUMBER: _ClassVar[int]
    SECURE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MESSAGES_JSON_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    phase_id: str
    session_id: str
    round_id: str
    round_number: int
    kind: _tasks_pb2.TaskKind
    model: _common_pb2.BlobRef
    package: _common_pb2.BlobRef
    helper: str
    settings_json: str
    clients: _containers.RepeatedScalarFieldContainer[str]
    seconds_max: float
    aggregator: str
    aggregator_settings_json: str
    share_partial: bool
    keep_updates: bool
    retain_updates: bool
    client_settings_json: _containers.ScalarMap[str, str]
    attempt: int
    authority: Authority
    warrant: str
    update_codec: str
    examples_max: float
    privacy: str
    secure: str
    client_messages_json: _containers.ScalarMap[str, str]
    traceparent: str
    def __init__(self, phase_id: _Optional[str] = ..., session_id: _Optional[str] = ..., round_id: _Optional[str] = ..., round_number: _Optional[int] = ..., kind: _Optional[_Union[_tasks_pb2.TaskKind, str]] = ..., model: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., package: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., helper: _Optional[str] = ..., settings_json: _Optional[str] = ..., clients: _Optional[_Iterable[str]] = ..., seconds_max: _Optional[float] = ..., aggregator: _Optional[str] = ..., aggregator_settings_json: _Optional[str] = ..., share_partial: bool = ..., keep_updates: bool = ..., retain_updates: bool = ..., client_settings_json: _Optional[_Mapping[str, str]] = ..., attempt: _Optional[int] = ..., authority: _Optional[_Union[Authority, _Mapping]] = ..., warrant: _Optional[str] = ..., update_codec: _Optional[str] = ..., examples_max: _Optional[float] = ..., privacy: _Optional[str] = ..., secure: _Optional[str] = ..., client_messages_json: _Optional[_Mapping[str, str]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class ServerFunctions(_message.Message):
    __slots__ = ("about", "source", "seconds_max", "obsolete_state_ids", "helper")
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_MAX_FIELD_NUMBER: _ClassVar[int]
    OBSOLETE_STATE_IDS_FIELD_NUMBER: _ClassVar[int]
    HELPER_FIELD_NUMBER: _ClassVar[int]
    about: PhaseContext
    source: str
    seconds_max: float
    obsolete_state_ids: _containers.RepeatedScalarFieldContainer[str]
    helper: str
    def __init__(self, about: _Optional[_Union[PhaseContext, _Mapping]] = ..., source: _Optional[str] = ..., seconds_max: _Optional[float] = ..., obsolete_state_ids: _Optional[_Iterable[str]] = ..., helper: _Optional[str] = ...) -> None: ...

class PlanRequest(_message.Message):
    __slots__ = ("functions", "model", "state", "clients", "authority")
    FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    functions: ServerFunctions
    model: _common_pb2.BlobRef
    state: _common_pb2.BlobRef
    clients: _containers.RepeatedScalarFieldContainer[str]
    authority: Authority
    def __init__(self, functions: _Optional[_Union[ServerFunctions, _Mapping]] = ..., model: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., state: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., clients: _Optional[_Iterable[str]] = ..., authority: _Optional[_Union[Authority, _Mapping]] = ...) -> None: ...

class Planned(_message.Message):
    __slots__ = ("failure", "clients", "settings_json", "state")
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    failure: FunctionsFailure
    clients: _containers.RepeatedScalarFieldContainer[str]
    settings_json: str
    state: _common_pb2.BlobRef
    def __init__(self, failure: _Optional[_Union[FunctionsFailure, _Mapping]] = ..., clients: _Optional[_Iterable[str]] = ..., settings_json: _Optional[str] = ..., state: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ...) -> None: ...

class FunctionsFailure(_message.Message):
    __slots__ = ("message", "traceback")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    message: str
    traceback: str
    def __init__(self, message: _Optional[str] = ..., traceback: _Optional[str] = ...) -> None: ...

class PhaseOrder(_message.Message):
    __slots__ = ("phase_id", "authority")
    PHASE_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    phase_id: str
    authority: Authority
    def __init__(self, phase_id: _Optional[str] = ..., authority: _Optional[_Union[Authority, _Mapping]] = ...) -> None: ...

class Withdrawal(_message.Message):
    __slots__ = ("phase_id", "clients", "authority")
    PHASE_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    phase_id: str
    clients: _containers.RepeatedScalarFieldContainer[str]
    authority: Authority
    def __init__(self, phase_id: _Optional[str] = ..., clients: _Optional[_Iterable[str]] = ..., authority: _Optional[_Union[Authority, _Mapping]] = ...) -> None: ...

class Withdrawn(_message.Message):
    __slots__ = ("clients",)
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    clients: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, clients: _Optional[_Iterable[str]] = ...) -> None: ...

class PhaseStarted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PhaseClosing(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PhaseReleased(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Partial(_message.Message):
    __slots__ = ("phase_id", "combiner", "updates", "weight", "base", "staleness", "digest")
    PHASE_ID_FIELD_NUMBER: _ClassVar[int]
    COMBINER_FIELD_NUMBER: _ClassVar[int]
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    STALENESS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    phase_id: str
    combiner: str
    updates: int
    weight: float
    base: _common_pb2.BlobRef
    staleness: int
    digest: _common_pb2.Digest
    def __init__(self, phase_id: _Optional[str] = ..., combiner: _Optional[str] = ..., updates: _Optional[int] = ..., weight: _Optional[float] = ..., base: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., staleness: _Optional[int] = ..., digest: _Optional[_Union[_common_pb2.Digest, _Mapping]] = ...) -> None: ...

class Reduction(_message.Message):
    __slots__ = ("model_id", "base", "aggregator", "aggregator_settings_json", "partials", "state", "obsolete_state_id", "helper", "functions", "authority", "abandoned_model_ids", "noise", "unmasking", "round_number", "traceparent")
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    AGGREGATOR_FIELD_NUMBER: _ClassVar[int]
    AGGREGATOR_SETTINGS_JSON_FIELD_NUMBER: _ClassVar[int]
    PARTIALS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OBSOLETE_STATE_ID_FIELD_NUMBER: _ClassVar[int]
    HELPER_FIELD_NUMBER: _ClassVar[int]
    FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_MODEL_IDS_FIELD_NUMBER: _ClassVar[int]
    NOISE_FIELD_NUMBER: _ClassVar[int]
    UNMASKING_FIELD_NUMBER: _ClassVar[int]
    ROUND_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    model_id: str
    base: _common_pb2.BlobRef
    aggregator: str
    aggregator_settings_json: str
    partials: _containers.RepeatedCompositeFieldContainer[Partial]
    state: _common_pb2.BlobRef
    obsolete_state_id: str
    helper: str
    functions: ServerFunctions
    authority: Authority
    abandoned_model_ids: _containers.RepeatedScalarFieldContainer[str]
    noise: Noise
    unmasking: Unmasking
    round_number: int
    traceparent: str
    def __init__(self, model_id: _Optional[str] = ..., base: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., aggregator: _Optional[str] = ..., aggregator_settings_json: _Optional[str] = ..., partials: _Optional[_Iterable[_Union[Partial, _Mapping]]] = ..., state: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., obsolete_state_id: _Optional[str] = ..., helper: _Optional[str] = ..., functions: _Optional[_Union[ServerFunctions, _Mapping]] = ..., authority: _Optional[_Union[Authority, _Mapping]] = ..., abandoned_model_ids: _Optional[_Iterable[str]] = ..., noise: _Optional[_Union[Noise, _Mapping]] = ..., unmasking: _Optional[_Union[Unmasking, _Mapping]] = ..., round_number: _Optional[int] = ..., traceparent: _Optional[str] = ...) -> None: ...

class Noise(_message.Message):
    __slots__ = ("key", "deviation", "count_deviation")
    KEY_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    COUNT_DEVIATION_FIELD_NUMBER: _ClassVar[int]
    key: str
    deviation: float
    count_deviation: float
    def __init__(self, key: _Optional[str] = ..., deviation: _Optional[float] = ..., count_deviation: _Optional[float] = ...) -> None: ...

class Unmasking(_message.Message):
    __slots__ = ("secure", "masks", "keys")
    SECURE_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    secure: str
    masks: _containers.RepeatedCompositeFieldContainer[Partial]
    keys: _containers.RepeatedCompositeFieldContainer[MaskKey]
    def __init__(self, secure: _Optional[str] = ..., masks: _Optional[_Iterable[_Union[Partial, _Mapping]]] = ..., keys: _Optional[_Iterable[_Union[MaskKey, _Mapping]]] = ...) -> None: ...

class MaskKey(_message.Message):
    __slots__ = ("key", "subtract")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SUBTRACT_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    subtract: bool
    def __init__(self, key: _Optional[bytes] = ..., subtract: bool = ...) -> None: ...

class Reduced(_message.Message):
    __slots__ = ("model", "seconds", "state", "failure", "share_within_clip")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    SHARE_WITHIN_CLIP_FIELD_NUMBER: _ClassVar[int]
    model: _common_pb2.BlobRef
    seconds: float
    state: _common_pb2.BlobRef
    failure: FunctionsFailure
    share_within_clip: float
    def __init__(self, model: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., seconds: _Optional[float] = ..., state: _Optional[_Union[_common_pb2.BlobRef, _Mapping]] = ..., failure: _Optional[_Union[FunctionsFailure, _Mapping]] = ..., share_within_clip: _Optional[float] = ...) -> None: ...

class WatchMessage(_message.Message):
    __slots__ = ("hello", "acknowledgement", "trust", "renewal")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    RENEWAL_FIELD_NUMBER: _ClassVar[int]
    hello: WatchHello
    acknowledgement: Acknowledgement
    trust: Trust
    renewal: str
    def __init__(self, hello: _Optional[_Union[WatchHello, _Mapping]] = ..., acknowledgement: _Optional[_Union[Acknowledgement, _Mapping]] = ..., trust: _Optional[_Union[Trust, _Mapping]] = ..., renewal: _Optional[str] = ...) -> None: ...

class WatchHello(_message.Message):
    __slots__ = ("controller",)
    CONTROLLER_FIELD_NUMBER: _ClassVar[int]
    controller: str
    def __init__(self, controller: _Optional[str] = ...) -> None: ...

class Acknowledgement(_message.Message):
    __slots__ = ("epoch", "number")
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    number: int
    def __init__(self, epoch: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class Trust(_message.Message):
    __slots__ = ("public_keys", "revoked_ids", "misplaced_clients")
    PUBLIC_KEYS_FIELD_NUMBER: _ClassVar[int]
    REVOKED_IDS_FIELD_NUMBER: _ClassVar[int]
    MISPLACED_CLIENTS_FIELD_NUMBER: _ClassVar[int]
    public_keys: _containers.RepeatedScalarFieldContainer[str]
    revoked_ids: _containers.RepeatedScalarFieldContainer[str]
    misplaced_clients: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, public_keys: _Optional[_Iterable[str]] = ..., revoked_ids: _Optional[_Iterable[str]] = ..., misplaced_clients: _Optional[_Iterable[str]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("number", "happened_at", "phase", "client_id", "task_id", "snapshot", "client_joined", "client_left", "task_sent", "update_folded", "validation", "unanswered", "phase_closed", "log", "prediction", "exchange", "stopping")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    HAPPENED_AT_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    CLIENT_JOINED_FIELD_NUMBER: _ClassVar[int]
    CLIENT_LEFT_FIELD_NUMBER: _ClassVar[int]
    TASK_SENT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FOLDED_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    UNANSWERED_FIELD_NUMBER: _ClassVar[int]
    PHASE_CLOSED_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    STOPPING_FIELD_NUMBER: _ClassVar[int]
    number: int
    happened_at: float
    phase: PhaseContext
    client_id: str
    task_id: str
    snapshot: Snapshot
    client_joined: Capabilities
    client_left: ClientLeft
    task_sent: TaskSent
    update_folded: UpdateFolded
    validation: ValidationReported
    unanswered: TaskUnanswered
    phase_closed: PhaseClosed
    log: _tasks_pb2.LogRecord
    prediction: PredictionReported
    exchange: ExchangeReported
    stopping: CombinerStopping
    def __init__(self, number: _Optional[int] = ..., happened_at: _Optional[float] = ..., phase: _Optional[_Union[PhaseContext, _Mapping]] = ..., client_id: _Optional[str] = ..., task_id: _Optional[str] = ..., snapshot: _Optional[_Union[Snapshot, _Mapping]] = ..., client_joined: _Optional[_Union[Capabilities, _Mapping]] = ..., client_left: _Optional[_Union[ClientLeft, _Mapping]] = ..., task_sent: _Optional[_Union[TaskSent, _Mapping]] = ..., update_folded: _Optional[_Union[UpdateFolded, _Mapping]] = ..., validation: _Optional[_Union[ValidationReported, _Mapping]] = ..., unanswered: _Optional[_Union[TaskUnanswered, _Mapping]] = ..., phase_closed: _Optional[_Union[PhaseClosed, _Mapping]] = ..., log: _Optional[_Union[_tasks_pb2.LogRecord, _Mapping]] = ..., prediction: _Optional[_Union[PredictionReported, _Mapping]] = ..., exchange: _Optional[_Union[ExchangeReported, _Mapping]] = ..., stopping: _Optional[_Union[CombinerStopping, _Mapping]] = ...) -> None: ...

class PhaseContext(_message.Message):
    __slots__ = ("phase_id", "session_id", "round_id", "round_number", "model_id", "kind")
    PHASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_ID_FIELD_NUMBER: _ClassVar[int]
    ROUND_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    phase_id: str
    session_id: str
    round_id: str
    round_number: int
    model_id: str
    kind: _tasks_pb2.TaskKind
    def __init__(self, phase_id: _Optional[str] = ..., session_id: _Optional[str] = ..., round_id: _Optional[str] = ..., round_number: _Optional[int] = ..., model_id: _Optional[str] = ..., kind: _Optional[_Union[_tasks_pb2.TaskKind, str]] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("epoch", "clients", "phases", "allows_functions", "is_stopping")
    class ClientsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Capabilities
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Capabilities, _Mapping]] = ...) -> None: ...
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    ALLOWS_FUNCTIONS_FIELD_NUMBER: _ClassVar[int]
    IS_STOPPING_FIELD_NUMBER: _ClassVar[int]
    epoch: str
    clients: _containers.MessageMap[str, Capabilities]
    phases: _containers.RepeatedCompositeFieldContainer[HeldPhase]
    allows_functions: bool
    is_stopping: bool
    def __init__(self, epoch: _Optional[str] = ..., clients: _Optional[_Mapping[str, Capabilities]] = ..., phases: _Optional[_Iterable[_Union[HeldPhase, _Mapping]]] = ..., allows_functions: bool = ..., is_stopping: bool = ...) -> None: ...

class HeldPhase(_message.Message):
    __slots__ = ("phase_id", "session_id")
    PHASE_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    phase_id: str
    session_id: str
    def __init__(self, phase_id: _Optional[str] = ..., session_id: _Optional[str] = ...) -> None: ...

class Capabilities(_message.Message):
    __slots__ = ("needs_package", "kinds", "readiness")
    NEEDS_PACKAGE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    READINESS_FIELD_NUMBER: _ClassVar[int]
    needs_package: bool
    kinds: _containers.RepeatedScalarFieldContainer[_tasks_pb2.TaskKind]
    readiness: _tasks_pb2.Readiness
    def __init__(self, needs_package: bool = ..., kinds: _Optional[_Iterable[_Union[_tasks_pb2.TaskKind, str]]] = ..., readiness: _Optional[_Union[_tasks_pb2.Readiness, _Mapping]] = ...) -> None: ...

class ClientLeft(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CombinerStopping(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TaskSent(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UpdateFolded(_message.Message):
    __slots__ = ("num_examples", "metadata_json", "download_seconds", "train_seconds", "upload_seconds", "fold_seconds")
    NUM_EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TRAIN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    UPLOAD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FOLD_SECONDS_FIELD_NUMBER: _ClassVar[int]
    num_examples: float
    metadata_json: str
    download_seconds: float
    train_seconds: float
    upload_seconds: float
    fold_seconds: float
    def __init__(self, num_examples: _Optional[float] = ..., metadata_json: _Optional[str] = ..., download_seconds: _Optional[float] = ..., train_seconds: _Optional[float] = ..., upload_seconds: _Optional[float] = ..., fold_seconds: _Optional[float] = ...) -> None: ...

class ValidationReported(_message.Message):
    __slots__ = ("metrics_json",)
    METRICS_JSON_FIELD_NUMBER: _ClassVar[int]
    metrics_json: str
    def __init__(self, metrics_json: _Optional[str] = ...) -> None: ...

class PredictionReported(_message.Message):
    __slots__ = ("result_json",)
    RESULT_JSON_FIELD_NUMBER: _ClassVar[int]
    result_json: str
    def __init__(self, result_json: _Optional[str] = ...) -> None: ...

class ExchangeReported(_message.Message):
    __slots__ = ("value_json", "value")
    VALUE_JSON_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value_json: str
    value: bytes
    def __init__(self, value_json: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...

class TaskUnanswered(_message.Message):
    __slots__ = ("why", "message", "traceback")
    class Why(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        WHY_UNSPECIFIED: _ClassVar[TaskUnanswered.Why]
        FAILED: _ClassVar[TaskUnanswered.Why]
        REFUSED: _ClassVar[TaskUnanswered.Why]
        LATE: _ClassVar[TaskUnanswered.Why]
        GONE: _ClassVar[TaskUnanswered.Why]
        DAMAGED: _ClassVar[TaskUnanswered.Why]
        WAITING_APPROVAL: _ClassVar[TaskUnanswered.Why]
    WHY_UNSPECIFIED: TaskUnanswered.Why
    FAILED: TaskUnanswered.Why
    REFUSED: TaskUnanswered.Why
    LATE: TaskUnanswered.Why
    GONE: TaskUnanswered.Why
    DAMAGED: TaskUnanswered.Why
    WAITING_APPROVAL: TaskUnanswered.Why
    WHY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACEBACK_FIELD_NUMBER: _ClassVar[int]
    why: TaskUnanswered.Why
    message: str
    traceback: str
    def __init__(self, why: _Optional[_Union[TaskUnanswered.Why, str]] = ..., message: _Optional[str] = ..., traceback: _Optional[str] = ...) -> None: ...

class PhaseClosed(_message.Message):
    __slots__ = ("answers", "weight", "failure", "attempt", "partial")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    answers: int
    weight: float
    failure: str
    attempt: int
    partial: _common_pb2.Digest
    def __init__(self, answers: _Optional[int] = ..., weight: _Optional[float] = ..., failure: _Optional[str] = ..., attempt: _Optional[int] = ..., partial: _Optional[_Union[_common_pb2.Digest, _Mapping]] = ...) -> None: ...

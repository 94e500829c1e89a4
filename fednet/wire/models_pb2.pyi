from fednet.wire import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UploadId(_message.Message):
    __slots__ = ("task_id",)
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    def __init__(self, task_id: _Optional[str] = ...) -> None: ...

class UploadOffset(_message.Message):
    __slots__ = ("offset_bytes",)
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    offset_bytes: int
    def __init__(self, offset_bytes: _Optional[int] = ...) -> None: ...

class UploadPart(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: UploadHeader
    chunk: Chunk
    def __init__(self, header: _Optional[_Union[UploadHeader, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ...) -> None: ...

class UploadHeader(_message.Message):
    __slots__ = ("task_id", "size_bytes", "digest", "offset_bytes")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    size_bytes: int
    digest: str
    offset_bytes: int
    def __init__(self, task_id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., digest: _Optional[str] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("data", "crc32c")
    DATA_FIELD_NUMBER: _ClassVar[int]
    CRC32C_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    crc32c: int
    def __init__(self, data: _Optional[bytes] = ..., crc32c: _Optional[int] = ...) -> None: ...

class UploadReceipt(_message.Message):
    __slots__ = ("size_bytes", "digest")
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    digest: str
    def __init__(self, size_bytes: _Optional[int] = ..., digest: _Optional[str] = ...) -> None: ...

class DownloadRequest(_message.Message):
    __slots__ = ("kind", "id", "offset_bytes")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    kind: _common_pb2.BlobRef.Kind
    id: str
    offset_bytes: int
    def __init__(self, kind: _Optional[_Union[_common_pb2.BlobRef.Kind, str]] = ..., id: _Optional[str] = ..., offset_bytes: _Optional[int] = ...) -> None: ...

class DownloadPart(_message.Message):
    __slots__ = ("chunk",)
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    chunk: Chunk
    def __init__(self, chunk: _Optional[_Union[Chunk, _Mapping]] = ...) -> None: ...

class Location(_message.Message):
    __slots__ = ("url",)
    URL_FIELD_NUMBER: _ClassVar[int]
    url: str
    def __init__(self, url: _Optional[str] = ...) -> None: ...

class PartRequest(_message.Message):
    __slots__ = ("task_id", "size_bytes", "number")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    size_bytes: int
    number: int
    def __init__(self, task_id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., number: _Optional[int] = ...) -> None: ...

class PartLocation(_message.Message):
    __slots__ = ("url", "offset_bytes", "size_bytes", "is_last")
    URL_FIELD_NUMBER: _ClassVar[int]
    OFFSET_BYTES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IS_LAST_FIELD_NUMBER: _ClassVar[int]
    url: str
    offset_bytes: int
    size_bytes: int
    is_last: bool
    def __init__(self, url: _Optional[str] = ..., offset_bytes: _Optional[int] = ..., size_bytes: _Optional[int] = ..., is_last: bool = ...) -> None: ...

class UploadedParts(_message.Message):
    __slots__ = ("task_id", "size_bytes", "digest", "etags")
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    ETAGS_FIELD_NUMBER: _ClassVar[int]
    task_id: str
    size_bytes: int
    digest: str
    etags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, task_id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., digest: _Optional[str] = ..., etags: _Optional[_Iterable[str]] = ...) -> None: ...

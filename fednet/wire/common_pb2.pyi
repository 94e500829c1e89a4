from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BlobRef(_message.Message):
    __slots__ = ("kind", "id", "size_bytes", "digest")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[BlobRef.Kind]
        MODEL: _ClassVar[BlobRef.Kind]
        PACKAGE: _ClassVar[BlobRef.Kind]
        STATE: _ClassVar[BlobRef.Kind]
    KIND_UNSPECIFIED: BlobRef.Kind
    MODEL: BlobRef.Kind
    PACKAGE: BlobRef.Kind
    STATE: BlobRef.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    kind: BlobRef.Kind
    id: str
    size_bytes: int
    digest: str
    def __init__(self, kind: _Optional[_Union[BlobRef.Kind, str]] = ..., id: _Optional[str] = ..., size_bytes: _Optional[int] = ..., digest: _Optional[str] = ...) -> None: ...

class Digest(_message.Message):
    __slots__ = ("size_bytes", "text")
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    size_bytes: int
    text: str
    def __init__(self, size_bytes: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

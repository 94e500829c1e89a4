"""Files in both directions, as streams: a model or package is never in memory as a whole.

An upload is either `multipart/form-data` with the field `file` and its description in other fields, or the raw bytes as
`application/octet-stream` with the description in the query.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar, cast
from urllib.parse import quote

from flask import Response, request
from flask_openapi.models.media_type import MediaType
from flask_openapi.models.request_body import RequestBody
from flask_openapi.models.schema import Schema
from flask_openapi.types import ResponseDict
from pydantic import BaseModel
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from fednet.errors import InvalidInput
from fednet.storage import Document

from ..digest_fields import digest_in
from .services import services

FILE: ResponseDict = {
    status: {
        "description": description,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
    for status, description in (("200", "The whole file."), ("206", "The range asked for."))
}
"""The answer to a download, for the OpenAPI document."""

Described = TypeVar("Described", bound=BaseModel)


def upload_body(kind: type[BaseModel]) -> RequestBody:
    """Return the body of an upload, for the OpenAPI document."""
    file = {"type": "string", "format": "binary"}
    said = kind.model_json_schema()
    form = {**said, "properties": {**said["properties"], "file": file}, "required": ["file"]}
    schemas = {"multipart/form-data": form, "application/octet-stream": file}
    content = {name: MediaType(schema=Schema(**schema)) for name, schema in schemas.items()}
    return RequestBody(content=content, required=True)


def received_file() -> BinaryIO:
    """Return the file in the request; its view says `takes_file`.

    Raises:
        InvalidInput: The request has no file.
    """
    if request.mimetype == "application/octet-stream":
        return cast("BinaryIO", request.stream)
    if "file" in request.files:
        return cast("BinaryIO", request.files["file"].stream)
    raise InvalidInput(
        "The request has no file: send it as multipart/form-data in the field 'file', or as "
        "application/octet-stream.",
        field="file",
    )


def said_of_it(kind: type[Described]) -> Described:
    """Return the description of the file in the request."""
    return kind.model_validate(request.values.to_dict())


def sent_file_name() -> str | None:
    """Return the file's name on the sender's machine, if a form has it."""
    return request.files["file"].filename if "file" in request.files else None


def file_answer(collection: str, document: Document, file_name: str) -> Response:
    """Return the answer with a model or package, or with the requested range of it.

    The ETag is the text of the digest of the whole file.
    """
    response = ranged_answer(
        document["size_bytes"],
        digest_in(document).text,
        lambda start, length: services().catalog.read(collection, document, start, length),
    )
    response.headers.set("Content-Disposition", "attachment", **_disposition(file_name))
    return response


def _disposition(file_name: str) -> dict[str, str]:
    """Return the file's name for Content-Disposition: in ASCII, and in UTF-8 where that differs (RFC 6266)."""
    name = "".join(sign if sign.isprintable() or sign == " " else "_" for sign in file_name)
    ascii_name = "".join(sign if sign.isascii() and sign not in '"\\' else "_" for sign in name)
    if ascii_name == name:
        return {"filename": name}
    return {"filename": ascii_name, "filename*": f"UTF-8''{quote(name, safe='', errors='replace')}"}


def ranged_answer(
    size_bytes: int, etag: str, read: Callable[[int, int], Iterator[bytes]]
) -> Response:
    """Return the answer with bytes, or with the requested range of them.

    Args:
        size_bytes: The number of all bytes.
        etag: A text that changes with the bytes.
        read: Yields a range in chunks, given its offset and its length.
    """
    start, stop = _asked_range(size_bytes, etag)
    response = Response(read(start, stop - start), mimetype="application/octet-stream")
    response.content_length = stop - start
    response.accept_ranges = "bytes"
    response.set_etag(etag)
    if stop - start < size_bytes:
        response.status_code = 206
        response.content_range.set(start, stop, size_bytes)
    return response


def _asked_range(size_bytes: int, etag: str) -> tuple[int, int]:
    """Return the begin and the end of the requested range; that of the whole file if no valid range is requested."""
    is_of_this_file = request.if_range.etag in {None, etag}
    if request.range is None or len(request.range.ranges) != 1 or not is_of_this_file:
        return 0, size_bytes
    asked = request.range.range_for_length(size_bytes)
    if asked is None:
        raise RequestedRangeNotSatisfiable(size_bytes)
    return asked

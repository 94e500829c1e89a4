"""Blobs for combiners that cannot reach the blob store themselves; see `fednet.storage` for the other end.

A blob is named in the path as it is in a bucket: its key, with odd characters as `!` and two hexadecimal digits. It is
sent in pieces, which are small requests of their own, and put in its place by one more; so a transfer goes on where it
broke, and nothing half-sent is ever seen.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from flask import Response, request
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.media_type import MediaType
from flask_openapi.models.request_body import RequestBody
from flask_openapi.models.schema import Schema
from flask_openapi.types import ResponseDict
from pydantic import BaseModel, Field

from fednet import limits
from fednet.contract import Permission, Role, requires
from fednet.digests import DIGEST_PATTERN, Digest, RunningDigest
from fednet.errors import Conflict, NotFound, PermissionDenied
from fednet.storage import key_of

from ..sessions.blob_rights import BlobRights
from .access import caller, unaudited
from .bodies import takes_file
from .files import FILE, ranged_answer, received_file
from .openapi import operation_id
from .problems import REFUSALS
from .resource import Asked
from .services import services

_FOR_COMBINERS = ("models/", "packages/", "partials/", "states/")
_WRITTEN_BY_COMBINERS = ("models/", "partials/", "states/")
_DELETED_BY_COMBINERS = ("models/", "partials/", "states/")
_BINARY = {"type": "string", "format": "binary"}
_PIECE = RequestBody(
    content={
        "application/octet-stream": MediaType(schema=Schema.model_validate(_BINARY)),
    },
    required=True,
)
_KEYS: ResponseDict = {
    "200": {
        "description": "The keys, each as a JSON string in a line of its own, in no order.",
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


class BlobByName(BaseModel):
    """Names a blob."""

    name: str


class AskedKeys(Asked):
    """The beginning of the keys that are asked for."""

    prefix: str = ""


class Place(Asked):
    """The place of a piece: the upload, whose id its sender has made, and the offset in it.

    As offsets are multiples of a unit, only the last piece can be small: each costs the same, whatever its size.
    """

    upload_id: UUID
    offset: int = Field(ge=0, le=limits.model_bytes_max, multiple_of=limits.blob_offset_unit_bytes)


class Whole(Asked):
    """The upload that becomes a blob, with its size and its digest: `digest`, or `sha256` of earlier versions."""

    upload_id: UUID
    size_bytes: int = Field(ge=0, le=limits.model_bytes_max)
    digest: str = Field("", max_length=80, json_schema_extra={"pattern": f"^$|{DIGEST_PATTERN}"})
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$")

    @property
    def announced(self) -> Digest:
        """The announced digest."""
        return Digest.read(self.digest or self.sha256, self.size_bytes)


class Arrived(BaseModel):
    """The size of the part of an upload that has arrived."""

    size_bytes: int


class Stored(BaseModel):
    """The size and the digest of a stored blob."""

    size_bytes: int
    digest: str
    """`blake3:` and 64 hexadecimal digits, or the 64 digits of a SHA-256."""

    sha256: str | None
    """The digest, if it is a SHA-256."""


class Deleted(BaseModel):
    """The answer to a deletion: true if the blob was there."""

    deleted: bool


api = APIBlueprint(
    "blobs",
    __name__,
    url_prefix="/api/v1/blobs",
    abp_tags=[{"name": "blobs"}],
    abp_responses=REFUSALS,
    operation_id_callback=operation_id,
)


@api.get("/", summary="The keys of blobs", responses=_KEYS)
@requires(Permission.BLOBS_READ)
def keys(query: AskedKeys) -> Response:
    """List the keys that begin with a text."""
    _check_right(query.prefix, _FOR_COMBINERS)
    found = services().blobs.list(query.prefix)
    lines = (json.dumps(key) + "\n" for key in found)
    return Response(lines, mimetype="application/x-ndjson")


@api.get("/<path:name>", summary="A blob", responses=FILE)
@requires(Permission.BLOBS_READ)
def download(path: BlobByName) -> Response:
    """Stream a blob, or a range of it; with If-Match only the one that has this ETag."""
    key = _key(path.name, _FOR_COMBINERS)
    blobs = services().blobs
    version, size_bytes = blobs.version(key), blobs.size(key)
    if version is None or size_bytes is None:
        raise NotFound(f"There is no blob {key!r}.")
    if request.method == "HEAD":
        return ranged_answer(size_bytes, version, lambda *_: iter(()))
    return ranged_answer(size_bytes, version, lambda *span: _read(key, *span))


@api.patch("/", summary="Send a piece of a blob", request_body=_PIECE, responses={"200": Arrived})
@unaudited
@takes_file(limits.blob_part_bytes)
@requires(Permission.BLOBS_WRITE)
def append(query: Place) -> dict[str, int]:
    """Take the next piece of an upload, or one again."""
    _check_member()
    piece = received_file()
    size_bytes = services().catalog.uploads.append(caller(), query.upload_id, query.offset, piece)
    return {"size_bytes": size_bytes}


@api.put("/<path:name>", summary="Put a blob that was sent", responses={"200": Stored})
@requires(Permission.BLOBS_WRITE)
def put(path: BlobByName, query: Whole) -> dict[str, Any]:
    """Make an upload the blob, in the place of what was there."""
    key, announced = _key(path.name, _WRITTEN_BY_COMBINERS), query.announced
    if caller().has(Role.COMBINER):
        _rights().check_put(caller().name, key, announced)
    uploads = services().catalog.uploads
    try:
        uploads.complete(caller(), query.upload_id, announced, key)
    except Conflict:
        if not _is_stored(key, announced):
            raise
    return {
        "size_bytes": announced.size_bytes,
        "digest": announced.text,
        "sha256": announced.sha256,
    }


@api.delete("/<path:name>", summary="Delete a blob", responses={"200": Deleted})
@requires(Permission.BLOBS_WRITE)
def delete(path: BlobByName) -> dict[str, bool]:
    """Delete a blob, if it is there."""
    key = _key(path.name, _DELETED_BY_COMBINERS)
    if caller().has(Role.COMBINER):
        _rights().check_delete(caller().name, key)
    return {"deleted": services().blobs.delete(key)}


def _is_stored(key: str, announced: Digest) -> bool:
    """Return True if the blob is in its place: an earlier call has put it there, and its answer was lost."""
    blobs = services().blobs
    if blobs.size(key) != announced.size_bytes:
        return False
    digest = RunningDigest(announced.algorithm)
    for chunk in blobs.read(key):
        digest.add(chunk)
    return digest.digest == announced


def _key(name: str, allowed: tuple[str, ...]) -> str:
    key = key_of(name)
    if key is None:
        raise NotFound(f"There is no blob {name!r}: no blob can have this name.", field="name")
    _check_right(key, allowed)
    return key


def _check_right(key: str, allowed: tuple[str, ...]) -> None:
    """Refuse a blob that is not the caller's: an admin may use all, a combiner those of its rounds."""
    _check_member()
    if caller().has(Role.COMBINER) and not key.startswith(allowed):
        raise PermissionDenied(
            f"A combiner may not {request.method} this blob, only {', '.join(allowed)}.",
            field="name",
        )


def _rights() -> BlobRights:
    return BlobRights(services().records)


def _check_member() -> None:
    """Refuse a combiner that was removed: it still has its token."""
    if caller().has(Role.COMBINER) and services().records.lookup("combiners", caller().id) is None:
        raise PermissionDenied("This combiner does not belong to the network.")


def _read(key: str, start: int, length: int) -> Iterator[bytes]:
    """Return the asked range of the asked version: the version is checked after the first chunk is taken."""
    blobs = services().blobs
    chunks = blobs.read(key, start, length)
    first = next(chunks, b"")
    if request.if_match and not request.if_match.contains(blobs.version(key) or ""):
        raise Conflict("The blob has changed since the read began. Read it from its beginning.")
    return _put_back(first, chunks)


def _put_back(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest

"""One object, or a range of it, as a stream that resumes where its connection broke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minio.error import MinioException

from fednet import limits
from fednet.errors import FailedPrecondition, Unavailable
from fednet.storage._s3_connection import code_of, s3_errors

if TYPE_CHECKING:
    from minio import Minio
    from minio.helpers import DictType
    from urllib3.response import BaseHTTPResponse


class Reading:
    """The bytes of one object from `start` up to `end`; holds a connection until it is closed.

    All bytes come from the object that was there at the first chunk: further requests name its ETag.

    Args:
        client: The client of the server.
        bucket: The bucket.
        name: The name of the object.
        start: The position of the first byte.
        end: The position after the last byte; may be beyond the object's end.
    """

    def __init__(self, client: Minio, bucket: str, name: str, start: int, end: int) -> None:
        self._client = client
        self._place = (bucket, name)
        self._position = start
        self._end = end
        self._etag: str | None = None
        self._response: BaseHTTPResponse | None = None

    def next_chunk(self) -> bytes:
        """Return up to `limits.chunk_bytes`; nothing at the end.

        Raises:
            NotFound: The object does not exist.
            Unavailable: The server does not answer, or the object was replaced before a broken connection was made
                again.
        """
        for _ in range(limits.transfer_attempts_max):
            response = self._response or self._ask()
            if response is None:
                return b""
            try:
                with s3_errors():
                    chunk = response.read(limits.chunk_bytes)
            except Unavailable as error:
                self.close()
                problem = error
            else:
                self._position += len(chunk)
                return chunk
        raise problem

    def close(self) -> None:
        """Return the connection to the pool; end it first if bytes are still on their way."""
        if self._response is not None:
            self._response.close()
            self._response.release_conn()
            self._response = None

    def _ask(self) -> BaseHTTPResponse | None:
        """Request the rest; return None if nothing is left."""
        if self._position == self._end:
            return None
        with s3_errors():
            try:
                response = self._client.get_object(*self._place, request_headers=self._headers())
            except MinioException as error:
                if code_of(error) == "InvalidRange":
                    return None
                if code_of(error) == "PreconditionFailed":
                    raise _changed() from error
                raise
        self._response = response
        self._check(response)
        return response

    def _headers(self) -> DictType:
        headers: DictType = {"Range": f"bytes={self._position}-{self._end - 1}"}
        if self._etag:
            headers["If-Match"] = f'"{self._etag}"'
        return headers

    def _check(self, response: BaseHTTPResponse) -> None:
        """Check that the server respects If-Match and Range: some servers do not."""
        etag = response.headers.get("ETag", "").strip('"')
        if self._etag not in {None, etag}:
            self.close()
            raise _changed()
        if self._position and "Content-Range" not in response.headers:
            self.close()
            raise FailedPrecondition(
                "The blob store does not serve ranges: use another S3 server.", field="blob_store"
            )
        self._etag = etag


def _changed() -> Unavailable:
    return Unavailable(
        "The blob was replaced while it was read, and the connection broke: read it again.",
        field="blob_store",
    )

"""Objects that are sent in parts: nothing of an object is visible before it is completed.

The client has no public methods for the steps of such an upload, so this module alone calls its private ones.
"""
# ruff: noqa: SLF001

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from minio.datatypes import Part

from fednet import limits
from fednet.errors import FednetError, NotFound, Unavailable
from fednet.storage._s3_connection import s3_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from minio import Minio

_log = logging.getLogger(__name__)


class Uploads:
    """The unfinished objects of one bucket.

    Args:
        client: The client of the server.
        bucket: The bucket.
    """

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, name: str, parts: Iterable[bytes]) -> None:
        """Send an object; if that fails, leave nothing behind."""
        upload_id = self.begin(name)
        try:
            etags = [
                self._send(name, upload_id, number, part) for number, part in enumerate(parts, 1)
            ]
            self.complete(name, upload_id, etags)
        except NotFound as error:  # or the server has completed it, and the answer was lost
            raise Unavailable("The blob store lost an upload. Try again.") from error
        except BaseException:
            with suppress(FednetError):  # else it is aborted when it is old
                self.abort(name, upload_id)
            raise

    def begin(self, name: str) -> str:
        """Begin an object, and return the id of its upload."""
        with s3_errors():
            return self._client._create_multipart_upload(self._bucket, name, {})

    def complete(self, name: str, upload_id: str, etags: Sequence[str]) -> None:
        """Make an object of the parts.

        Raises:
            NotFound: The upload does not exist.
            InvalidInput: The parts differ from those that were sent.
        """
        parts = [Part(number, etag.strip('"')) for number, etag in enumerate(etags, 1)]
        with s3_errors():
            done = self._client._complete_multipart_upload(self._bucket, name, upload_id, parts)
        if not done.etag:  # an error that came after the status 200, as S3 allows
            raise Unavailable(
                "The blob store did not complete an upload. Try again.", field="blob_store"
            )

    def abort(self, name: str, upload_id: str) -> None:
        """Abort an upload, if it is there."""
        with suppress(NotFound), s3_errors():
            self._client._abort_multipart_upload(self._bucket, name, upload_id)

    def abort_forgotten(self) -> None:
        """Abort old uploads; they stay on a server that cannot list them."""
        oldest = datetime.now(UTC) - timedelta(seconds=limits.blob_upload_idle_seconds_max)
        try:
            with s3_errors():
                listed = self._client._list_multipart_uploads(self._bucket)
            for upload in listed.uploads:
                if upload.initiated_time and upload.initiated_time < oldest:
                    self.abort(str(upload.object_name), str(upload.upload_id))
        except FednetError as error:
            _log.info("unfinished uploads are left to the blob store's own rules: %s", error)

    def _send(self, name: str, upload_id: str, number: int, part: bytes) -> str:
        with s3_errors():
            return self._client._upload_part(self._bucket, name, part, None, upload_id, number)

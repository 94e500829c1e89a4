"""URLs by which others reach single objects of a bucket, signed without a request to the server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from fednet.errors import InvalidInput
from fednet.storage._blobs import check_key
from fednet.storage._object_names import object_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minio import Minio

    from fednet.storage._s3_uploads import Uploads

_seconds_max: Final = 7 * 24 * 3600


class S3Presigner:
    """Signs URLs for one bucket.

    Args:
        public: A client with the server's address for others; it sends no request.
        uploads: The bucket's unfinished objects.
        bucket: The bucket.
    """

    def __init__(self, public: Minio, uploads: Uploads, bucket: str) -> None:
        self._public = public
        self._uploads = uploads
        self._bucket = bucket

    def get_url(self, key: str, seconds: int) -> str:
        """See `Presigner.get_url`."""
        return self._signed("GET", key, seconds)

    def put_url(self, key: str, seconds: int) -> str:
        """See `Presigner.put_url`."""
        return self._signed("PUT", key, seconds)

    def begin_parts(self, key: str) -> str:
        """See `Presigner.begin_parts`."""
        return self._uploads.begin(object_name(check_key(key)))

    def part_url(self, key: str, upload_id: str, number: int, seconds: int) -> str:
        """See `Presigner.part_url`."""
        part = {"partNumber": str(number), "uploadId": upload_id}
        return self._signed("PUT", key, seconds, part)

    def complete_parts(self, key: str, upload_id: str, etags: Sequence[str]) -> None:
        """See `Presigner.complete_parts`."""
        self._uploads.complete(object_name(check_key(key)), upload_id, etags)

    def abort_parts(self, key: str, upload_id: str) -> None:
        """See `Presigner.abort_parts`."""
        self._uploads.abort(object_name(check_key(key)), upload_id)

    def _signed(
        self, method: str, key: str, seconds: int, query: dict[str, str] | None = None
    ) -> str:
        name = object_name(check_key(key))
        if not 1 <= seconds <= _seconds_max:
            raise InvalidInput(
                f"A URL can be valid for 1 to {_seconds_max} seconds.", field="seconds"
            )
        return self._public.get_presigned_url(
            method,
            self._bucket,
            name,
            expires=timedelta(seconds=seconds),
            extra_query_params=dict(query or {}),
        )

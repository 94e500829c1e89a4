"""A bounded pool of connections to an S3 server, and the one place where its errors become ours.

No message shows the secret; what the server says of a refused signature is left out.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error

from fednet import limits
from fednet.errors import (
    FailedPrecondition,
    FednetError,
    InvalidInput,
    NotFound,
    TransferCorrupted,
    Unavailable,
)
from fednet.http_pools import POOL_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fednet.storage._s3_address import Address

_statuses_worth_a_retry: Final = (429, 500, 502, 503, 504)
_passing: Final = frozenset(
    {"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"}
)
_corrupted: Final = frozenset({"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"})
_absent: Final = frozenset({"NoSuchKey", "NoSuchUpload"})
_wrong_parts: Final = frozenset({"EntityTooSmall", "InvalidPart", "InvalidPartOrder"})
_advice: Final = {
    "AccessDenied": "give the access key the rights to the bucket, or correct KEY and SECRET, or this machine's clock",
    "InvalidAccessKeyId": "the access key is unknown there: correct KEY",
    "SignatureDoesNotMatch": "the secret is not that of the access key: correct SECRET",
    "RequestTimeTooSkewed": "this machine's clock and the server's differ too much: set them",
    "AuthorizationHeaderMalformed": "the region is another: correct region=",
    "IllegalLocationConstraintException": "the region is another: correct region=",
    "PermanentRedirect": "the bucket is in another region: correct HOST and region=",
    "NoSuchBucket": "the bucket is gone: make it again",
}


class Pool(urllib3.PoolManager):
    """At most `limits.store_requests_max` connections, waited for and tried again within limits.

    Pauses double, with jitter, and are capped; the last answer is handed out, whatever it says.

    Args:
        is_patient: Whether to try again when the server does not answer.
    """

    def __init__(self, *, is_patient: bool) -> None:
        read = limits.transfer_idle_seconds_max if is_patient else limits.store_wait_seconds_max
        super().__init__(
            maxsize=limits.store_requests_max,
            block=True,
            timeout=urllib3.Timeout(connect=limits.connect_seconds_max, read=read),
            retries=urllib3.Retry(
                total=limits.retry_attempts_max if is_patient else 0,
                status_forcelist=_statuses_worth_a_retry,
                allowed_methods=None,  # nothing that is done twice here does harm
                backoff_factor=limits.retry_seconds_first,
                backoff_max=limits.retry_seconds_max,
                backoff_jitter=limits.retry_seconds_first,
                raise_on_status=False,
                respect_retry_after_header=False,  # it knows no bound
            ),
        )
        self.pool_classes_by_scheme = POOL_CLASSES

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> Any:  # type: ignore[override]
        """Wait a bounded time for a connection."""
        wait = limits.store_wait_seconds_max
        return super().urlopen(method, url, redirect, pool_timeout=wait, **options)


def client_of(address: Address, pool: Pool, url: str | None = None) -> Minio:
    """A client for the server, which connects when it is first used.

    Args:
        address: Where the server is, and who we are there.
        pool: Its connections.
        url: The server's URL, if it is another than the address has.

    Raises:
        InvalidInput: The host is none.
    """
    parts = urlsplit(url or address.url)
    try:
        return Minio(
            parts.netloc,
            address.access_key,
            address.secret_key,
            secure=parts.scheme == "https",
            region=address.region,
            http_client=pool,
        )
    except ValueError as error:
        raise InvalidInput(
            f"The blob store's host does not do: {error}.", field="blob_store"
        ) from error


@contextmanager
def s3_errors() -> Iterator[None]:
    """Turn what the client raises into ours.

    Raises:
        NotFound: There is no such object or upload.
        Unavailable: The server does not answer, or says that it cannot now.
        FailedPrecondition: It refuses, and will again until somebody does something.
        InvalidInput: The parts of an upload are not those that were sent.
        TransferCorrupted: Other bytes arrived there than were sent.
    """
    try:
        yield
    except MinioException as error:
        raise _refusal(error) from error
    except urllib3.exceptions.HTTPError as error:
        reason = getattr(error, "reason", None) or error
        raise Unavailable(
            f"The blob store does not answer: {_said(reason)}.", field="blob_store"
        ) from error
    except (ParseError, UnicodeDecodeError) as error:
        raise _no_s3() from error


def code_of(error: MinioException) -> str | None:
    """What S3 calls the error; None for one that is none of S3."""
    if isinstance(error, S3Error):
        return str(error.code)
    # The client reads no XML that is called text/xml, as some servers do.
    found = (
        re.search(r"<Code>(\w+)</Code>", str(error))
        if isinstance(error, InvalidResponseError)
        else None
    )
    return found[1] if found else None


def _refusal(error: MinioException) -> FednetError:
    code = code_of(error)
    status = getattr(error, "status_code", None) or getattr(error, "_code", None) or 0
    if code in _absent:
        return NotFound("The blob store has no such object or upload.")
    if code in _wrong_parts:
        return InvalidInput(f"The parts are not those that were sent ({code}).", field="etags")
    if code in _corrupted:
        return TransferCorrupted(f"The blob store received other bytes than were sent ({code}).")
    if code in _passing or status in _statuses_worth_a_retry:
        return Unavailable(
            f"The blob store cannot answer now ({code or status}).", field="blob_store"
        )
    if code is None:
        return _no_s3()
    return FailedPrecondition(
        f"The blob store refuses ({code}): {_advice.get(code, 'see its log')}.", field="blob_store"
    )


def _no_s3() -> FailedPrecondition:
    return FailedPrecondition(
        "What answers at the blob store's address is no S3 server: correct HOST, PORT and secure=.",
        field="blob_store",
    )


def _said(reason: object) -> str:
    """A reason in a line, without the address of an object in memory."""
    return re.sub(r"^<[^>]*>: |^\w+\(.*\): ", "", str(reason)).rstrip(".")

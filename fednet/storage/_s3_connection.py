"""A bounded pool of connections to an S3 server, and the mapping of its errors to ours.

No message shows the secret; the server's details of a refused signature are left out.
"""

from __future__ import annotations

import re
import ssl
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
from fednet.tls import certificate_wanted, trust_advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fednet.storage._s3_address import Address
    from fednet.tls import CallerTLS

_statuses_worth_a_retry: Final = (429, 500, 502, 503, 504)
_passing: Final = frozenset(
    {"InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown"}
)
_corrupted: Final = frozenset({"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"})
_absent: Final = frozenset({"NoSuchKey", "NoSuchUpload"})
_wrong_parts: Final = frozenset({"EntityTooSmall", "InvalidPart", "InvalidPartOrder"})
_advice: Final = {
    "AccessDenied": "give the access key the rights to the bucket, or correct KEY and SECRET or this machine's clock",
    "InvalidAccessKeyId": "the server does not know the access key: correct KEY",
    "SignatureDoesNotMatch": "the secret does not belong to the access key: correct SECRET",
    "RequestTimeTooSkewed": "the clocks of this machine and of the server differ too much: correct them",
    "AuthorizationHeaderMalformed": "the server is in another region: correct region=",
    "IllegalLocationConstraintException": "the server is in another region: correct region=",
    "PermanentRedirect": "the bucket is in another region: correct HOST and region=",
    "NoSuchBucket": "the bucket does not exist any more: create it again",
}


class Pool(urllib3.PoolManager):
    """At most `limits.store_requests_max` connections, with limited waiting and retries.

    Pauses double, with jitter, up to a maximum; after the last retry the answer is returned, also an error.

    Args:
        tls: The files of a caller; each new connection reads them again.
        is_patient: Try again if the server does not answer.
    """

    def __init__(self, tls: CallerTLS, *, is_patient: bool) -> None:
        read = limits.transfer_idle_seconds_max if is_patient else limits.store_wait_seconds_max
        super().__init__(
            maxsize=limits.store_requests_max,
            block=True,
            timeout=urllib3.Timeout(connect=limits.connect_seconds_max, read=read),
            retries=urllib3.Retry(
                total=limits.retry_attempts_max if is_patient else 0,
                status_forcelist=_statuses_worth_a_retry,
                allowed_methods=None,  # every request may be repeated
                backoff_factor=limits.retry_seconds_first,
                backoff_max=limits.retry_seconds_max,
                backoff_jitter=limits.retry_seconds_first,
                raise_on_status=False,
                respect_retry_after_header=False,  # the client's own wait has no limit
            ),
            cert_reqs="CERT_REQUIRED",
            ca_certs=tls.ca and str(tls.ca),
            cert_file=tls.certificate and str(tls.certificate),
            key_file=tls.key and str(tls.key),
        )
        self.pool_classes_by_scheme = POOL_CLASSES

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> Any:  # type: ignore[override]
        """Send a request; wait a limited time for a connection."""
        wait = limits.store_wait_seconds_max
        return super().urlopen(method, url, redirect, pool_timeout=wait, **options)


def client_of(address: Address, pool: Pool, url: str | None = None) -> Minio:
    """Return a client of a server; it connects when it is first used.

    Args:
        address: The server's address, with the keys to it.
        pool: The connections.
        url: The server's URL, if it differs from that of the address.

    Raises:
        InvalidInput: The host is invalid.
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
            f"Invalid host of the blob store: {error}.", field="blob_store"
        ) from error


@contextmanager
def s3_errors() -> Iterator[None]:
    """Map errors of the client to ours.

    Raises:
        NotFound: The object or the upload does not exist.
        Unavailable: The server does not answer, or cannot do so now.
        FailedPrecondition: The server refuses until somebody changes something.
        InvalidInput: The parts of an upload differ from those that were sent.
        TransferCorrupted: The server has received other bytes than were sent.
    """
    try:
        yield
    except MinioException as error:
        raise _refusal(error) from error
    except urllib3.exceptions.HTTPError as error:
        reason = getattr(error, "reason", None) or error
        if "WRONG_VERSION_NUMBER" in str(reason):
            raise FailedPrecondition(
                "The blob store does not speak https: add secure=false to its URL.",
                field="blob_store",
            ) from error
        if isinstance(cause := _innermost(reason), ssl.SSLCertVerificationError):
            raise FailedPrecondition(
                f"The certificate of the blob store is not trusted: {cause.verify_message}. "
                f"{trust_advice('the store')}",
                field="ca",
            ) from error
        if wanted := certificate_wanted("The blob store", str(reason)):
            raise wanted from error
        raise Unavailable(
            f"The blob store does not answer: {_said(reason)}.", field="blob_store"
        ) from error
    except (ParseError, UnicodeDecodeError) as error:
        raise _no_s3() from error


def code_of(error: MinioException) -> str | None:
    """Return the S3 code of an error; None for other errors."""
    if isinstance(error, S3Error):
        return str(error.code)
    # Some servers send the type text/xml, which the client does not read.
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
        return InvalidInput(
            f"The parts differ from those that were sent ({code}). Send the upload again.",
            field="etags",
        )
    if code in _corrupted:
        return TransferCorrupted(
            f"The blob store received other bytes than were sent ({code}). Try again."
        )
    if code in _passing or status in _statuses_worth_a_retry:
        return Unavailable(
            f"The blob store cannot answer now ({code or status}). Try again later.",
            field="blob_store",
        )
    if code is None:
        return _no_s3()
    return FailedPrecondition(
        f"The blob store refuses ({code}): {_advice.get(code, 'see its log')}.", field="blob_store"
    )


def _no_s3() -> FailedPrecondition:
    return FailedPrecondition(
        "The server at the blob store's address is not an S3 server: correct HOST, PORT and secure=.",
        field="blob_store",
    )


def _innermost(error: object) -> object:
    """Return the error of Python's `ssl` in an error of urllib3."""
    while isinstance(error, urllib3.exceptions.HTTPError) and error.args:
        error = error.args[-1]
    return error


def _said(reason: object) -> str:
    """Return a reason in one line, without addresses of objects in memory."""
    return re.sub(r"^<[^>]*>: |^\w+\(.*\): ", "", str(reason)).rstrip(".")

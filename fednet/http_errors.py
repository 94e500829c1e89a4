"""Maps the errors of `requests` to ours, and names the proxy, scheme or certificate that is the cause."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fednet import limits
from fednet.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    FednetError,
    InvalidInput,
    Unavailable,
    from_dict,
)
from fednet.proxies import http_proxy_of
from fednet.tls import CERTIFICATE_ADVICE, certificate_wanted, trust_advice

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

# OpenSSL's words for bytes that are not TLS.
_NOT_TLS: Final = re.compile(
    "WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|UNKNOWN_PROTOCOL|HTTP_REQUEST"
)
_SAYS_HTTPS: Final = re.compile(rb"\bhttps\b", re.IGNORECASE)


@contextmanager
def errors_of_fednet(address: str) -> Iterator[None]:
    """Map the errors of `requests` to ours.

    Args:
        address: The server's address, for the messages.

    Raises:
        InvalidInput: The address is invalid, such as one with https:// for a server of http.
        FailedPrecondition: The server's certificate is not trusted, or it wants one from the caller.
        DeadlineExceeded: The server did not answer in time.
        Unavailable: The server cannot be reached, or broke the connection.
    """
    from requests import exceptions

    try:
        yield
    except exceptions.SSLError as error:
        raise _tls_error(address, _innermost(error)) from error
    except exceptions.Timeout as error:
        raise DeadlineExceeded(_through(address, f"{address} did not answer in time.")) from error
    except (
        exceptions.InvalidURL,
        exceptions.InvalidSchema,
        exceptions.MissingSchema,
    ) as error:
        raise InvalidInput(
            _through(address, f"Invalid address {address!r}: {error}"), field="host"
        ) from error
    except exceptions.RequestException as error:
        if wanted := certificate_wanted(address, str(_innermost(error))):
            raise wanted from error
        said = f"Cannot reach {address}: {_innermost(error)}.{_advice(address, error)}"
        raise Unavailable(_through(address, said)) from error
    except OSError as error:  # a file of the caller has gone meanwhile
        raise Unavailable(f"Cannot reach {address}: {error}.") from error


def refusal(response: requests.Response) -> FednetError:
    """Return the error in a controller's answer; without one, the answer is a proxy's or another server's."""
    try:
        body = response.json()
    except ValueError:
        return _foreign_refusal(response)
    return from_dict(body if isinstance(body, dict) else {}, response.status_code)


def wrong_scheme(address: str) -> InvalidInput | None:
    """Return the error for an http:// address whose server speaks TLS; ask the server, which may take a moment."""
    parts = urlsplit(address)
    if parts.scheme != "http" or not parts.hostname or http_proxy_of(address):
        return None
    return _use_https(address) if _speaks_tls(parts.hostname, parts.port or 80) else None


def _foreign_refusal(response: requests.Response) -> FednetError:
    url, status = str(response.url), response.status_code
    if status == 400 and url.startswith("http://") and _SAYS_HTTPS.search(response.content):  # noqa: PLR2004  RFC 9110
        return _use_https(_origin(url))
    return from_dict(
        {"message": _through(url, f"The server answered with status {status}.")}, status
    )


def _through(address: str, said: str) -> str:
    proxy = http_proxy_of(address)
    return f"{said} {proxy}" if proxy else said


def _tls_error(address: str, reason: BaseException) -> FednetError:
    if _NOT_TLS.search(str(reason)):
        plain = f"http{address.removeprefix('https')}"
        return InvalidInput(f"{address} does not speak https: write {plain}.", field="host")
    if isinstance(reason, ssl.SSLCertVerificationError):
        return FailedPrecondition(
            f"The certificate of {address} is not trusted: {reason.verify_message}. {trust_advice(address)}",
            field="ca",
        )
    if wanted := certificate_wanted(address, str(reason)):
        return wanted
    said = f"Cannot reach {address}: {reason}.{_advice(address, reason)}"
    return Unavailable(_through(address, said))


def _use_https(address: str) -> InvalidInput:
    secure = f"https{address.removeprefix('http')}"
    return InvalidInput(f"{address} speaks https: write {secure}.", field="host")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _speaks_tls(host: str, port: int) -> bool:
    """Return True if a server answers a TLS handshake; its certificate does not matter."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), limits.tls_probe_seconds_max) as plain,
            context.wrap_socket(plain),
        ):
            return True
    except OSError:
        return False


def _advice(address: str, error: BaseException) -> str:
    """Return advice for a connection over TLS that ended without a byte; "" for another one.

    In TLS 1.3 a server may refuse a caller's certificate when the caller takes the handshake for done (RFC 8446,
    section 4.4.2.4), and the connection may end before the alert arrives.
    """
    ends = ("IncompleteRead(0 ", "RemoteDisconnected", "EOF", "ALERT_HANDSHAKE_FAILURE")
    is_ended = any(each in repr(error) for each in ends)
    if not (is_ended and address.startswith("https://")):
        return ""
    return f" If it lets only callers with a certificate in: {CERTIFICATE_ADVICE}"


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error

"""TLS: the files of servers and callers, read again when they change, and the rule for servers without it.

All files are PEM. TLS 1.2 is the oldest version that servers and callers speak (RFC 8996 deprecates the older ones).
"""

from __future__ import annotations

import logging
import re
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from fednet.addresses import is_loopback, is_wildcard
from fednet.errors import FailedPrecondition, InvalidInput

_log = logging.getLogger(__name__)

# OpenSSL's words for the alerts of a server that asks for a certificate (RFC 8446, section 6.2).
_REFUSES_CALLER: Final = re.compile(r"_ALERT_(\w*CERTIFICATE|UNKNOWN_CA)")

_Marks: TypeAlias = tuple[tuple[int, int, int] | None, ...]


def check_exposure(
    host: str, *, has_tls: bool, insecure: bool = False, behind_proxy: bool = False
) -> None:
    """Refuse to listen on anything but loopback in clear text, unless that is asked for.

    Args:
        host: The host that a server listens on.
        has_tls: The server has a certificate.
        insecure: Clear text is asked for.
        behind_proxy: A proxy before the server speaks TLS for it.

    Raises:
        InvalidInput: Tokens and models would go over the network in clear text.
    """
    is_here = is_loopback(host) and not is_wildcard(host)
    if is_here or has_tls or insecure or behind_proxy:
        return
    raise InvalidInput(
        f"On {host} others could read the tokens and models, which go there in clear text. Give a certificate with "
        "--tls-certificate and --tls-key (`fednet certs create` makes one, `fednet up` has --tls), or --behind-proxy "
        "if a proxy before this server speaks TLS, or --insecure if clear text is what you want.",
        field="host",
    )


# Callers


@dataclass(frozen=True)
class CallerTLS:
    """The files of a caller. Each new connection reads them again.

    Attributes:
        ca: The authorities that are trusted in place of the public ones; None for these.
        certificate: The caller's own certificate, and its chain, for servers that ask for one.
        key: The key of that certificate.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def check(self) -> None:
        """Refuse files that cannot be used.

        Raises:
            InvalidInput: A file is missing or not what it must be; the error names its setting.
        """
        if (self.certificate is None) != (self.key is None):
            raise InvalidInput(
                "A caller's certificate needs its key: give both certificate and certificate_key, or neither.",
                field="certificate_key" if self.key is None else "certificate",
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca:
            _load_ca(context, self.ca, "ca")
        if self.certificate and self.key:
            _load_chain(context, self.certificate, self.key, "certificate")

    def context(self) -> ssl.SSLContext:
        """Return a context for one connection to a server.

        Raises:
            InvalidInput: A file cannot be used.
        """
        self.check()
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        return context


PUBLIC_CA: Final = CallerTLS()
"""A caller that trusts the public authorities and has no certificate."""


def certificate_wanted(address: str, reason: str) -> FailedPrecondition | None:
    """Return the error of a caller whose certificate a server misses or refuses; None for another reason.

    Args:
        address: The server's address.
        reason: What OpenSSL said.
    """
    if not _REFUSES_CALLER.search(reason):
        return None
    return FailedPrecondition(
        f"{address} lets only callers with a certificate in. {CERTIFICATE_ADVICE}",
        field="certificate",
    )


CERTIFICATE_ADVICE: Final = (
    "Set `certificate` and `certificate_key` (FEDNET_CERTIFICATE, FEDNET_CERTIFICATE_KEY) to one that the server's "
    "authority has signed, and that has not expired."
)


def trust_advice(address: str) -> str:
    """Return what to do if the certificate of a server is not trusted, as the end of an error's message."""
    return (
        f"Set `ca` (--ca, FEDNET_CA) to the file of the authority that has signed the certificate of {address}, or "
        "call it by a name that the certificate has."
    )


# Servers


@dataclass(frozen=True)
class ServerTLS:
    """The files of a server.

    Attributes:
        certificate: Its certificate, and the chain up to an authority that callers trust.
        key: The key of the certificate, without a password.
        client_ca: The authorities of callers' certificates; None lets callers without one in.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None

    @property
    def marks(self) -> _Marks:
        """A value that changes with each change of a file."""
        return _marks_of(self.certificate, self.key, self.client_ca)


@dataclass(frozen=True)
class ServerPEM:
    """The content of a server's files at one moment.

    Attributes:
        certificate: The certificate and its chain.
        key: Its key.
        client_ca: The authorities of callers' certificates; None if callers need none.
        context: A context for Python's `ssl` with the same content; its sessions are resumed with no other one.
    """

    certificate: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext


class ServerFiles:
    """The newest usable content of a server's files, for each new connection. Any thread may ask.

    A changed file that cannot be used, such as a certificate whose key is not written yet, leaves the earlier content
    in use; a warning tells of it once.

    Args:
        tls: The files.

    Raises:
        InvalidInput: A file cannot be used.
    """

    def __init__(self, tls: ServerTLS) -> None:
        self._tls = tls
        self._lock = threading.Lock()
        self._marks = tls.marks
        self._content = _content_of(tls)

    @property
    def asks_for_certificates(self) -> bool:
        """True if callers must show a certificate."""
        return self._tls.client_ca is not None

    def newest(self) -> ServerPEM:
        """Return the content of the files, or the last usable one."""
        with self._lock:
            marks = self._tls.marks
            if marks != self._marks:
                self._marks = marks
                self._read_again()
            return self._content

    def _read_again(self) -> None:
        try:
            self._content = _content_of(self._tls)
        except InvalidInput as error:
            _log.warning("the earlier certificate stays in use: %s", error)
        else:
            _log.info("the server's certificate was read again from %s", self._tls.certificate)


def _content_of(tls: ServerTLS) -> ServerPEM:
    """Read the files; what the bytes are was checked, unless a file changes meanwhile, which the next look finds."""
    certificate = _bytes_of(tls.certificate, "tls_certificate")
    key = _bytes_of(tls.key, "tls_key")
    client_ca = _bytes_of(tls.client_ca, "tls_client_ca") if tls.client_ca else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    _load_chain(context, tls.certificate, tls.key, "tls_certificate")
    if tls.client_ca:
        _load_ca(context, tls.client_ca, "tls_client_ca")
        context.verify_mode = ssl.CERT_REQUIRED
    return ServerPEM(certificate, key, client_ca, context)


# Files


def _load_chain(context: ssl.SSLContext, certificate: Path, key: Path, field: str) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
        raise InvalidInput(
            f"Cannot use the certificate {certificate} with the key {key}: {_reason(error)}. Give a PEM file with the "
            "certificate and its chain, and one with its key, without a password.",
            field=field,
        ) from error


def _load_ca(context: ssl.SSLContext, ca: Path, field: str) -> None:
    try:
        context.load_verify_locations(ca)
    except OSError as error:
        raise InvalidInput(
            f"Cannot use the authorities in {ca}: {_reason(error)}. Give a PEM file with their certificates.",
            field=field,
        ) from error


def _bytes_of(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"Cannot read {path}: {_reason(error)}.", field=field) from error


def _no_password() -> str:
    raise ValueError("the key has a password")


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)


def _marks_of(*paths: Path | None) -> _Marks:
    return tuple(_mark_of(path) if path else None for path in paths)


def _mark_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size

"""A certificate authority and certificates for a trial network.

Keys are on the curve P-256. Certificates have the fields that strict verifiers want (RFC 5280, section 4.2). Keys are
made once; a certificate is made anew, for the same key, each time that it is asked for.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fednet import limits
from fednet.addresses import bare_host
from fednet.errors import FailedPrecondition, InvalidInput
from fednet.files import PRIVATE, write_once, write_whole
from fednet.names import check_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_SERVER: Final = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
_CLIENT: Final = (ExtendedKeyUsageOID.CLIENT_AUTH,)


@dataclass(frozen=True)
class Certificates:
    """The files of a network's certificates.

    Attributes:
        ca: The authority's certificate, which everybody may have.
        certificate: The certificate of the servers, which also lets them call each other.
        key: The key of that certificate.
    """

    ca: Path
    certificate: Path
    key: Path


def make_certificates(
    folder: Path,
    hosts: Sequence[str],
    clients: Sequence[str] = (),
    days: float = limits.certificate_days,
) -> Certificates:
    """Make an authority, a certificate for servers, and one for each client; make certificates anew if they are there.

    Keys have the mode 0600, and are never replaced.

    Args:
        folder: The folder of all files: ca.pem, ca.key, server.pem, server.key, client-NAME.pem, client-NAME.key.
        hosts: The names and IP addresses by which callers reach the servers; those of loopback are added.
        clients: The names of clients that get a certificate of their own.
        days: The life of the certificates, which ends at the latest with that of the authority.

    Raises:
        InvalidInput: A host or a name is invalid.
        FailedPrecondition: The folder cannot be written, or holds something else under these names.
    """
    names = [_name_of(host) for host in dict.fromkeys((*hosts, *_LOOPBACK))]
    for client in clients:
        check_name(client)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        authority = _Authority(folder)
        authority.certify("server", names, _SERVER, days)
        for client in clients:
            authority.certify(f"client-{client}", [x509.DNSName(client)], _CLIENT, days)
    except OSError as error:
        raise FailedPrecondition(
            f"Cannot write certificates into {folder}: {error.strerror}. Choose another folder.",
            field="out",
        ) from error
    return Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")


def name_in(certificate: Path) -> str:
    """Return a name or an IP address that a server's certificate (PEM) is for; "" if it has none.

    Raises:
        FailedPrecondition: The file cannot be read, or is no certificate.
    """
    try:
        found = _certificate_in(certificate, certificate.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    except OSError as error:
        raise FailedPrecondition(
            f"Cannot read {certificate}: {error.strerror}.", field="tls_certificate"
        ) from error
    hosts = [*names.get_values_for_type(x509.DNSName), *names.get_values_for_type(x509.IPAddress)]
    return str(next(iter(hosts), "")).replace("*", "any")


class _Authority:
    """The authority of a folder, which is made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = _key_in(folder / "ca.key")
        made = _pem(self._certificate_of_itself())
        found = write_once(folder / "ca.pem", made)
        self._certificate = _certificate_in(folder / "ca.pem", found)
        if self._certificate.public_key() != self._key.public_key():
            raise FailedPrecondition(
                f"{folder / 'ca.pem'} does not belong to ca.key beside it: choose another folder.",
                field="out",
            )

    def certify(
        self,
        name: str,
        subjects: Sequence[x509.GeneralName],
        uses: Sequence[x509.ObjectIdentifier],
        days: float,
    ) -> None:
        """Write a certificate for a key, which is made if it is not there."""
        key = _key_in(self._folder / f"{name}.key")
        end = min(_end(days), self._certificate.not_valid_after_utc)
        builder = (
            _builder(name, end)
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(_identifier(key), critical=False)
            .add_extension(_issuer_identifier(self._key), critical=False)
        )
        made = builder.sign(self._key, hashes.SHA256())
        write_whole(self._folder / f"{name}.pem", _pem(made), durable=True)

    def _certificate_of_itself(self) -> x509.Certificate:
        public = self._key.public_key()
        name = f"fednet {x509.SubjectKeyIdentifier.from_public_key(public).digest.hex()[:8]}"
        builder = (
            _builder(name, _end(limits.certificate_authority_days))
            .issuer_name(_named(name))
            .public_key(public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(_identifier(self._key), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


def _end(days: float) -> dt.datetime:
    return dt.datetime.now(dt.UTC) + dt.timedelta(days=days)


def _builder(name: str, end: dt.datetime) -> x509.CertificateBuilder:
    """Return a builder for a certificate that is valid from now on; an hour earlier for clocks that are behind."""
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(end)
    )


def _named(name: str) -> x509.Name:
    common = name[:64]  # RFC 5280, ub-common-name
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _name_of(host: str) -> x509.GeneralName:
    bare = bare_host(host)
    try:
        return x509.IPAddress(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        return x509.DNSName(bare)
    except ValueError as error:
        raise InvalidInput(
            f"Invalid host {host!r}: write a name with other than ASCII letters in its encoded form (xn--…).",
            field="host",
        ) from error


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _identifier(key: ec.EllipticCurvePrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _issuer_identifier(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


# Files


def _key_in(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key in a file, which is made if it is not there."""
    made = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    found = write_once(path, made, mode=PRIVATE)
    try:
        key = serialization.load_pem_private_key(found, None)
    except (ValueError, TypeError) as error:
        raise _no_such_file(path, "a key without a password") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _no_such_file(path, "a key that this command has made")
    return key


def _certificate_in(path: Path, content: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise _no_such_file(path, "a certificate") from error


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _no_such_file(path: Path, what: str) -> FailedPrecondition:
    return FailedPrecondition(f"{path} is not {what}: choose another folder.", field="out")

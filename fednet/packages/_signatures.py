"""The signatures of a package: a member of the archive that signs all other members (Ed25519, RFC 8032).

- The member `.fednet-signatures` is text in ASCII; each line ends with a line feed.
- The first line is `fednet package signatures 1`.
- Each further line is `ed25519 <key> <signature>`: 64 and 128 hexadecimal digits in lower case. There are 1 to
  16, and no key occurs twice.
- The signed message is the canonical list of all other members: `PackageContents.canonical_list`.
- Anything else is refused as a whole, except for an empty file, which has no signatures.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from fednet import limits
from fednet.errors import InvalidPackage, MissingExtra
from fednet.files import whole_file
from fednet.packages._archive import archive_errors, read_members
from fednet.packages._contents import SIGNATURES, read_contents
from fednet.packages._inspect import inspect_package
from fednet.packages._tgz import add_bytes, add_member, new_tgz

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from fednet.packages._contents import PackageContents

_HEADER = "fednet package signatures 1\n"
_LINE = re.compile(r"ed25519 ([0-9a-f]{64}) ([0-9a-f]{128})\n")


@dataclass(frozen=True)
class PackageSignature:
    """A key, and its signature of a package's canonical list; both hexadecimal."""

    key: str
    signature: str

    @property
    def line(self) -> str:
        """The signature as a line of the member."""
        return f"ed25519 {self.key} {self.signature}\n"


def signers_of(contents: PackageContents) -> frozenset[str]:
    """Return the public keys, hexadecimal, that have signed a package and whose signature is valid.

    Raises:
        InvalidPackage: The member with the signatures has another form.
        MissingExtra: cryptography is not installed here.
    """
    message = contents.canonical_list
    return frozenset(
        each.key for each in read_signatures(contents.signatures) if _is_valid(each, message)
    )


def read_signatures(content: bytes) -> list[PackageSignature]:
    """Return the signatures in the bytes of their member; none of an empty one.

    Raises:
        InvalidPackage: The bytes have another form.
    """
    if not content:
        return []
    header, *lines = content.decode("ascii", "replace").splitlines(keepends=True)
    found = [match for line in lines if (match := _LINE.fullmatch(line))]
    signatures = [PackageSignature(match[1], match[2]) for match in found]
    is_whole = header == _HEADER and len(found) == len(lines)
    are_few = 0 < len(lines) <= limits.package_signatures_max
    if not is_whole or not are_few or len({each.key for each in signatures}) < len(lines):
        raise InvalidPackage(
            f"{SIGNATURES} in the package is damaged: sign the package again with "
            "`fednet package sign`.",
            field=SIGNATURES,
        )
    return signatures


def sign_package(path: Path, target: Path, key: Ed25519PrivateKey) -> str:
    """Write a package with a further signature, as a tgz file that appears whole or not at all.

    Args:
        path: The package: a tgz, tar or zip file.
        target: The path of the signed package; it may be `path`.
        key: The private key. A signature of the same key is replaced.

    Returns:
        The public key, hexadecimal.

    Raises:
        InvalidPackage: `inspect_package` refuses the package, or it has too many signatures.
        NotFound: The file does not exist.
        Unavailable: The target cannot be written.
    """
    inspect_package(path)
    contents = read_contents(path)
    signer = key.public_key().public_bytes_raw().hex()
    ours = PackageSignature(signer, key.sign(contents.canonical_list).hex())
    others = [each for each in read_signatures(contents.signatures) if each.key != signer]
    if len(others) >= limits.package_signatures_max:
        raise InvalidPackage(
            f"The package has {len(others)} signatures already, and at most "
            f"{limits.package_signatures_max} are allowed."
        )
    lines = "".join(each.line for each in [*others, ours])
    with archive_errors(target), whole_file(target, durable=True) as file:
        _write(file, path, (_HEADER + lines).encode())
    return signer


def _write(file: BinaryIO, path: Path, signatures: bytes) -> None:
    with new_tgz(file) as archive:
        _copy_members(archive, path)
        add_bytes(archive, SIGNATURES, signatures)


def _copy_members(archive: tarfile.TarFile, path: Path) -> None:
    for member in read_members(path):
        if str(member.path) != SIGNATURES:
            add_member(archive, member)


def _is_valid(signed: PackageSignature, message: bytes) -> bool:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError as error:
        raise MissingExtra(
            "Signatures of packages need cryptography: pip install 'fednet[client]'."
        ) from error
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signed.key))
        key.verify(bytes.fromhex(signed.signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True

"""Verifiable dealings of two secrets: each holder can tell that its shares belong to polynomials of the right degree.

The proof is that of Atapoor, Baghery, Cozzo and Pedersen, "VSS from Distributed ZK Proofs and Applications", ASIACRYPT
2023 (eprint 2023/992), for two secrets at once: the dealer draws a third polynomial r, commits to the three values of
each holder, takes a challenge d from the hash of all commitments (Fiat and Shamir), and publishes z = r + d f + d² g.
A holder compares z at its point with its own values. z says nothing about f and g, since r is uniformly random.

A commitment is the hash of three hashes, one of each value. So a holder can reveal one value later, and everybody can
compare it with the commitment, while the other stays hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fednet.errors import InvalidInput
from fednet.secure.keys import digest_of_parts
from fednet.secure.shamir import PRIME, SHARE_BYTES, polynomial, value_at

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMITMENT_BYTES: Final = 32
VALUES_BYTES: Final = 3 * SHARE_BYTES
EVIDENCE_BYTES: Final = 2 * SHARE_BYTES + COMMITMENT_BYTES
OPENING_BYTES: Final = 2 * COMMITMENT_BYTES


@dataclass(frozen=True)
class Values:
    """The values of the three polynomials at the point of one holder.

    Attributes:
        label: The bytes that every hash of the dealing is bound to.
        point: The point.
        key: The share of the first secret.
        own: The share of the second secret.
        blind: The value of the random polynomial.
    """

    label: bytes
    point: int
    key: int
    own: int
    blind: int

    @property
    def content(self) -> bytes:
        """The three values, 99 bytes."""
        return b"".join(map(share_bytes, (self.key, self.own, self.blind)))

    @classmethod
    def read(cls, label: bytes, point: int, content: bytes) -> Values:
        """Read `content`.

        Raises:
            InvalidInput: It has no three values.
        """
        if len(content) != VALUES_BYTES:
            raise InvalidInput("The sealed shares have another size.", field="sealed")
        key, own, blind = (
            share_of(content[start : start + SHARE_BYTES])
            for start in range(0, VALUES_BYTES, SHARE_BYTES)
        )
        return cls(label, point, key, own, blind)

    @property
    def commitment(self) -> bytes:
        """The commitment to the three values."""
        return _together(
            self.label, self.point, self._hash("key"), self._hash("own"), self._hash("blind")
        )

    def opening(self, kind: str) -> bytes:
        """Return the hashes with which the share of one secret, "key" or "own", gives the commitment."""
        other = "own" if kind == "key" else "key"
        return self._hash(other) + self._hash("blind")

    def fits(self, evidence: bytes) -> bool:
        """Return True if the values fit the dealer's commitment and its polynomial z; see `evidence_for`."""
        if len(evidence) != EVIDENCE_BYTES:
            return False
        expected = share_of(evidence[:SHARE_BYTES])
        challenge = share_of(evidence[SHARE_BYTES : 2 * SHARE_BYTES])
        combined = (self.blind + challenge * self.key + challenge**2 * self.own) % PRIME
        return combined == expected and self.commitment == evidence[2 * SHARE_BYTES :]

    def _hash(self, kind: str) -> bytes:
        return _hash_of(self.label, self.point, kind, getattr(self, kind))


@dataclass(frozen=True)
class SharedSecrets:
    """Two secrets as their dealer shares them.

    Attributes:
        label: The bytes that every hash of the dealing is bound to.
        key: The coefficients for the first secret.
        own: The coefficients for the second secret.
        blind: The coefficients of the random polynomial.
    """

    label: bytes
    key: list[int]
    own: list[int]
    blind: list[int]

    @classmethod
    def of(
        cls, label: bytes, key: bytes, own: bytes, threshold: int, seeds: tuple[bytes, bytes, bytes]
    ) -> SharedSecrets:
        """Share two secrets of 32 bytes, with three secret seeds."""
        secrets = (int.from_bytes(key, "big"), int.from_bytes(own, "big"), None)
        first, second, third = (
            polynomial(secret, threshold, seed) for secret, seed in zip(secrets, seeds, strict=True)
        )
        return cls(label, first, second, third)

    def values_at(self, point: int) -> Values:
        """Return the values for the holder of a point."""
        polynomials = (self.key, self.own, self.blind)
        return Values(self.label, point, *(value_at(each, point) for each in polynomials))

    def proof(self, commitments: Sequence[bytes]) -> bytes:
        """Return the coefficients of z, for the commitments to the values of all holders, in order."""
        challenge = challenge_of(self.label, commitments)
        return b"".join(
            share_bytes((blind + challenge * key + challenge**2 * own) % PRIME)
            for key, own, blind in zip(self.key, self.own, self.blind, strict=True)
        )


def challenge_of(label: bytes, commitments: Sequence[bytes]) -> int:
    """Return the challenge for all commitments of a dealing."""
    return int.from_bytes(digest_of_parts("fednet/secure/challenge", label, *commitments), "big")


def evidence_for(point: int, challenge: int, proof: Sequence[int], commitment: bytes) -> bytes:
    """Return the part of a dealer's proof for one holder: z at its point, the challenge and the commitment."""
    return share_bytes(value_at(proof, point)) + share_bytes(challenge) + commitment


def proof_of(content: bytes) -> list[int]:
    """Return the coefficients of z in a proof whose size has been checked."""
    return [
        share_of(content[start : start + SHARE_BYTES])
        for start in range(0, len(content), SHARE_BYTES)
    ]


def is_opened(
    label: bytes, point: int, kind: str, share: int, opening: bytes, commitment: bytes
) -> bool:
    """Return True if a revealed share of a secret, "key" or "own", is the one that its dealer has committed to."""
    revealed = _hash_of(label, point, kind, share)
    other, blind = opening[:COMMITMENT_BYTES], opening[COMMITMENT_BYTES:]
    key, own = (revealed, other) if kind == "key" else (other, revealed)
    return _together(label, point, key, own, blind) == commitment


def share_bytes(share: int) -> bytes:
    """Return a share as 33 bytes."""
    return share.to_bytes(SHARE_BYTES, "big")


def share_of(content: bytes) -> int:
    """Return the share in 33 bytes."""
    return int.from_bytes(content, "big") % PRIME


def _hash_of(label: bytes, point: int, kind: str, value: int) -> bytes:
    return digest_of_parts("fednet/secure/share", label, point, kind, share_bytes(value))


def _together(label: bytes, point: int, key: bytes, own: bytes, blind: bytes) -> bytes:
    return digest_of_parts("fednet/secure/shares", label, point, key, own, blind)

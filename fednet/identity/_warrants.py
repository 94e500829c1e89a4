"""Warrants: the model and the package of a phase's tasks, signed by the controller.

A client works only at tasks that a warrant covers. So a combiner cannot give it another model or
other code. A warrant is a JSON Web Signature (RFC 7515) with a type of its own: it is no token, and
a token is no warrant.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from fednet.blob_ref import BlobRef
from fednet.errors import InvalidInput, Unauthenticated
from fednet.identity._keys import import_jwt, key_id, load_public_key
from fednet.identity._signed_text import checked_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALGORITHM: Final = "EdDSA"
WARRANT_TYPE: Final = "fednet-warrant"
_NOT_OF_A_WARRANT: Final = (AttributeError, InvalidInput, KeyError, TypeError)


@dataclass(frozen=True)
class Warrant:
    """The tasks of one phase, as the controller orders them.

    Attributes:
        session_id: The session.
        phase_id: The phase; with the client's id it gives the id of the client's task.
        round_number: The number of the round in its session.
        kind: The kind of the tasks, by its name on the wire.
        helper: The format of the model.
        model: The model; None for an exchange without one.
        package: The compute package; None where no client of the session needs one.
        privacy: The terms of privacy for updates, as a text; empty without.
        secure: The terms of secure aggregation, as a text; empty without.
    """

    session_id: str
    phase_id: str
    round_number: int
    kind: str
    helper: str
    model: BlobRef | None
    package: BlobRef | None
    privacy: str = ""
    secure: str = ""

    def to_payload(self) -> dict[str, Any]:
        """Return the content to be signed."""
        signed = {name: _fields_of(value) for name, value in vars(self).items()}
        return {**signed, "iat": int(time.time())}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Return the warrant with this content.

        Raises:
            AttributeError, InvalidInput, KeyError, TypeError: The content is not that of a warrant.
        """
        return cls(
            session_id=payload["session_id"],
            phase_id=payload["phase_id"],
            round_number=payload["round_number"],
            kind=payload["kind"],
            helper=payload["helper"],
            model=_ref(payload["model"]),
            package=_ref(payload["package"]),
            privacy=payload.get("privacy", ""),
            secure=payload.get("secure", ""),
        )


class WarrantReader:
    """Reads the warrants of one network.

    Args:
        public_keys: The network's public keys, in PEM.

    Raises:
        InvalidInput: One of them is no Ed25519 key.
        MissingExtra: PyJWT or cryptography is not installed here.
    """

    def __init__(self, public_keys: Iterable[str]) -> None:
        self._jwt = import_jwt()
        self._keys = {key_id(key): key for key in map(load_public_key, public_keys)}

    def knows_key_of(self, text: str) -> bool:
        """Return True if the warrant names one of the keys; its signature is not checked."""
        try:
            header = self._jwt.get_unverified_header(checked_text(text, "warrant"))
        except (self._jwt.PyJWTError, RecursionError, Unauthenticated):
            return False
        return header.get("kid") in self._keys

    def read(self, text: str) -> Warrant:
        """Return a warrant whose signature is good.

        Raises:
            Unauthenticated: It is no warrant of this network.
        """
        checked_text(text, "warrant")
        try:
            header = self._jwt.get_unverified_header(text)
            if header.get("typ") != WARRANT_TYPE:
                raise Unauthenticated("The token is not a warrant.")
            # The time is for people: a client's clock decides about no task.
            options = {
                "verify_iat": False,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_aud": False,
            }
            key = self._keys[header["kid"]]
            payload = self._jwt.decode(text, key, algorithms=[ALGORITHM], options=options)
            return Warrant.from_payload(payload)
        except (self._jwt.PyJWTError, RecursionError, *_NOT_OF_A_WARRANT) as error:
            raise Unauthenticated(
                f"The warrant is not signed by the network's controller: {error!r}."
            ) from error


def _ref(fields: Mapping[str, Any] | None) -> BlobRef | None:
    return None if fields is None else BlobRef.from_fields(fields)


def _fields_of(value: Any) -> Any:
    return value.to_fields() if isinstance(value, BlobRef) else value

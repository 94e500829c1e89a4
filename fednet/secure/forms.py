"""The forms of messages and answers: declared with pydantic, and checked wherever they arrive."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
)

from fednet import limits
from fednet.errors import InvalidInput
from fednet.secure.rounds import RoundContext
from fednet.secure.terms import SecureTerms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Kind = TypeVar("Kind", bound="Form")

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


def _decoded(least: int, most: int, given: Any) -> bytes:
    if isinstance(given, bytes):
        content = given
    elif isinstance(given, str):
        try:
            content = base64.b64decode(given, validate=True)
        except binascii.Error as error:
            raise ValueError("this is no base64 text") from error
    else:
        raise ValueError("this is no base64 text")  # noqa: TRY004  pydantic takes no TypeError
    if not least <= len(content) <= most:
        raise ValueError(f"this has {len(content)} bytes and needs {least} to {most}")
    return content


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


_TEXT: Final = PlainSerializer(_encoded, return_type=str)

Key = Annotated[bytes, PlainValidator(partial(_decoded, KEY_BYTES, KEY_BYTES)), _TEXT]
"""32 bytes: a public key, a digest, or a commitment."""

Keys = Annotated[bytes, PlainValidator(partial(_decoded, KEY_BYTES, 2 * KEY_BYTES)), _TEXT]
"""One public key, or two in a row."""

Signature = Annotated[
    bytes, PlainValidator(partial(_decoded, SIGNATURE_BYTES, SIGNATURE_BYTES)), _TEXT
]
"""An Ed25519 signature."""

Blob = Annotated[bytes, PlainValidator(partial(_decoded, 0, limits.exchange_bytes_max)), _TEXT]
"""Bytes whose length their reader checks."""

Name = Annotated[str, Field(min_length=1, max_length=limits.name_characters_max)]
"""An id of a client, a session or a round."""

Position = Annotated[int, Field(ge=0, lt=limits.session_clients_max)]
"""The place of a client in a roster."""


class Form(BaseModel):
    """The base of messages and answers: frozen, strict, and with no other fields than the declared ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Read the values of a JSON object.

        Raises:
            InvalidInput: A value has another form; the error names its field.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            field = ".".join(map(str, first["loc"])) or "message"
            raise InvalidInput(
                f"Invalid {field} in {cls.__name__}: {first['msg']}.", field=field
            ) from error

    def values(self) -> dict[str, Any]:
        """Return the JSON-able values."""
        return self.model_dump(mode="json")


def read_all(
    form: type[Kind], answers: Iterable[tuple[str, Mapping[str, Any]]]
) -> tuple[dict[str, Kind], dict[str, str]]:
    """Read the answers of clients; return the good ones, and the problems of the others."""
    good: dict[str, Kind] = {}
    problems: dict[str, str] = {}
    for client, values in answers:
        try:
            good[client] = form.read(values)
        except InvalidInput as error:
            problems[client] = error.message
    return good, problems


class SignatureAnswer(Form):
    """The answer to "confirm": the signature of a set of survivors."""

    signature: Signature


class Message(Form):
    """The fields of each message of a controller to a client.

    Attributes:
        session_id: The session.
        round_id: The round and its attempt.
        terms: The text of the terms.
        step: The name of the step.
    """

    session_id: Name
    round_id: Name
    terms: Annotated[str, Field(max_length=limits.secure_terms_characters_max)]
    step: Name

    def context(self) -> RoundContext:
        """Return the context of the round.

        Raises:
            InvalidInput: The terms are invalid.
        """
        return RoundContext(self.session_id, self.round_id, SecureTerms.from_text(self.terms))

    @classmethod
    def to_clients(cls, context: RoundContext, step: str, **values: Any) -> dict[str, Any]:
        """Return the values of a message of a round."""
        message = cls(
            session_id=context.session_id,
            round_id=context.round_id,
            terms=context.terms.text,
            step=step,
            **values,
        )
        return message.values()


class Envelope(Message):
    """The fields that every message has, whatever else is in it."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

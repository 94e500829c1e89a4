"""The content of tokens: whom a token speaks for, what it is for, where it is taken, and until when."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self

from fednet.contract import Principal, Role
from fednet.errors import Unauthenticated

CONTROLLERS: Final = "controller"
"""The audience of tokens for the REST API: all controllers of the network."""


def combiner_audience(combiner_id: str) -> str:
    """Return the audience of tokens for the gRPC services of one combiner."""
    return f"combiner:{combiner_id}"


class TokenUse(StrEnum):
    """The use of a token."""

    ACCESS = "access"
    """A person, or a program that works for one, calls the REST API."""

    ENROLMENT = "enrolment"
    """A client or a combiner joins the network, once."""

    MEMBERSHIP = "membership"
    """A client or a combiner calls the REST API, and renews this token there."""

    PLACEMENT = "placement"
    """A client works at the combiner where the controller has placed it."""

    CONTROL = "control"
    """A controller gives orders to one combiner, or follows another controller."""


_USE_OF_ROLE = {
    Role.CLIENT: TokenUse.ENROLMENT,
    Role.COMBINER: TokenUse.ENROLMENT,
    Role.CONTROLLER: TokenUse.CONTROL,
}


@dataclass(frozen=True)
class Claims:
    """The content of a token.

    Attributes:
        id: The token's own id.
        principal: Whom it speaks for.
        use: What it is for.
        audience: Where it is taken: `CONTROLLERS`, or a combiner's audience.
        issued_at: When it was made, in seconds since 1970.
        expires_at: When it ends, in seconds since 1970; None if it does not.
        parent: The id of the token that it was derived from, and ends with; None if there is none.
        key_id: The id of the key that has signed it; "" before that.
    """

    id: str
    principal: Principal
    use: TokenUse
    audience: str
    issued_at: int
    expires_at: int | None = None
    parent: str | None = None
    key_id: str = ""

    @classmethod
    def of(
        cls,
        principal: Principal,
        use: TokenUse | None = None,
        seconds: float | None = None,
        *,
        audience: str = CONTROLLERS,
        parent: str | None = None,
        id_: str | None = None,
    ) -> Self:
        """Return the content of a token that is made now.

        Args:
            principal: Whom it speaks for.
            use: What it is for; by default what a person hands out for this principal.
            seconds: How long it is valid; None for ever.
            audience: Where it is taken.
            parent: The id of the token that it is derived from.
            id_: Its id; by default a new one.
        """
        now = time.time()
        return cls(
            id_ or str(uuid.uuid4()),
            principal,
            use or _usual_use(principal),
            audience,
            int(now),
            None if seconds is None else math.ceil(now + seconds),
            parent,
        )

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids whose revocation ends the token: its own, its parent's and its principal's."""
        own = (self.id, self.principal.id)
        return (*own, self.parent) if self.parent else own

    def to_payload(self) -> dict[str, Any]:
        """Return the claims as a JSON Web Token names them."""
        principal = self.principal
        payload = {
            "role": next(iter(principal.roles)).value,
            "sub": principal.id,
            "name": principal.name,
            "iat": self.issued_at,
            "jti": self.id,
            "aud": self.audience,
            "use": self.use.value,
        }
        ends = {} if self.expires_at is None else {"exp": self.expires_at}
        return {**payload, **ends, **({"parent": self.parent} if self.parent else {})}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any], key_id: str) -> Self:
        """Return the content of a token whose signature is good.

        A token of fednet 0.1.0 has no audience and no use: it is for controllers, as a person has handed it out.

        Raises:
            Unauthenticated: The claims are not those of a token of fednet.
        """
        _check_times(payload)
        role, subject, name = payload["role"], payload["sub"], payload["name"]
        use, parent, id_ = payload.get("use"), payload.get("parent"), payload["jti"]
        audience = payload.get("aud", CONTROLLERS)
        texts = (subject, name, id_, audience, parent or "")
        is_known = role in list(Role) and (use is None or use in list(TokenUse))
        if not (is_known and all(isinstance(text, str) for text in texts)):
            raise Unauthenticated("The token names no role of fednet. Use a token of this network.")
        principal = Principal.of(Role(role), subject, name)
        return cls(
            id_,
            principal,
            TokenUse(use) if use else _usual_use(principal),
            audience,
            int(payload["iat"]),
            int(payload["exp"]) if "exp" in payload else None,
            parent,
            key_id,
        )


def _check_times(payload: Mapping[str, Any]) -> None:
    times = [payload["iat"], payload.get("exp", 0)]
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in times):
        raise Unauthenticated("The token's times are no numbers. Use a token of this network.")


def _usual_use(principal: Principal) -> TokenUse:
    return _USE_OF_ROLE.get(next(iter(principal.roles)), TokenUse.ACCESS)

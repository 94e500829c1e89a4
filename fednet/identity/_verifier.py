"""Reads tokens: JSON Web Tokens (RFC 7519), signed with a key of the network (Ed25519, RFC 8037)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from fednet import limits
from fednet.errors import Unauthenticated
from fednet.identity._claims import CONTROLLERS, Claims
from fednet.identity._keys import import_jwt, key_id, load_public_key
from fednet.identity._known_tokens import KnownTokens
from fednet.identity._signed_text import checked_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fednet.contract import Principal

ALGORITHM: Final = "EdDSA"
_CLAIMS = ["role", "sub", "name", "iat", "jti"]
_OF_ANOTHER_NETWORK = (
    "The token was signed by another network, or with a retired key, or altered. Use a new token of "
    "this network."
)


def key_id_of(token: str) -> str | None:
    """Return the id of the key that a token names, whoever may have signed it; None if it names none."""
    jwt = import_jwt()
    try:
        return str(jwt.get_unverified_header(checked_text(token, "token"))["kid"])
    except (jwt.PyJWTError, RecursionError, KeyError, Unauthenticated):
        return None


class Verifier:
    """Reads the tokens of one network that are meant for one audience. For any thread.

    Args:
        *public_keys: The network's public keys, in PEM.
        audience: Where it stands: tokens for elsewhere are refused.
        clock: Returns the seconds since 1970. Only the end of a token is compared with it: the clock of the issuer may
            be ahead of this one by any time.

    Raises:
        InvalidInput: One of them is no Ed25519 key.
        MissingExtra: PyJWT or cryptography is not installed here.
    """

    def __init__(
        self,
        *public_keys: str,
        audience: str = CONTROLLERS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._jwt = import_jwt()
        self._clock = clock
        self._audience = audience
        self.trust(public_keys)

    def trust(self, public_keys: Iterable[str]) -> None:
        """Take tokens of these keys from now on, and of no others.

        Raises:
            InvalidInput: One of them is no Ed25519 key.
        """
        loaded = [load_public_key(pem) for pem in public_keys]
        self._keys = {key_id(key): key for key in loaded}
        self._known = KnownTokens()

    def knows(self, key_id: str) -> bool:
        """Return True if the tokens of this key are taken."""
        return key_id in self._keys

    def verify(self, token: str) -> Principal:
        """Return whom the token speaks for; raises as `read` does."""
        return self.read(token).principal

    def read(self, token: str) -> Claims:
        """Return the content of a token.

        Raises:
            Unauthenticated: It is no token of this network, is meant for elsewhere, or has ended; says which.
        """
        checked_text(token, "token")
        known = self._known
        if found := known.find(token, self._clock()):
            return found
        claims = self._verified(token)
        if claims.audience != self._audience:
            raise Unauthenticated(
                f"The token is for {claims.audience!r}, and this is {self._audience!r}. Use the token that "
                "was given for it."
            )
        known.add(token, claims)
        return claims

    def _verified(self, token: str) -> Claims:
        """Return the content of a token, whose signature and end are checked."""
        try:
            key_id = self._key_of(token)
            payload: dict[str, Any] = self._jwt.decode(
                token,
                self._keys[key_id],
                algorithms=[ALGORITHM],
                options={
                    "require": _CLAIMS,
                    "verify_aud": False,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (self._jwt.PyJWTError, RecursionError) as error:
            raise Unauthenticated(self._reason(error)) from error
        claims = Claims.from_payload(payload, key_id)
        self._check_end(claims)
        return claims

    def _check_end(self, claims: Claims) -> None:
        if claims.expires_at is None:
            return
        seconds = self._clock() - claims.expires_at
        if seconds >= limits.clock_skew_seconds_max:
            raise Unauthenticated(
                f"The token has expired, {seconds:.0f} s ago by the clock of this server. Ask for a new one; if it is "
                "new, set the clock right."
            )

    def _key_of(self, token: str) -> str:
        """Return the id of a token's key; a token of fednet 0.1.0 names none, and was signed with the oldest."""
        key_id = str(self._jwt.get_unverified_header(token).get("kid") or list(self._keys)[-1])
        if key_id not in self._keys:
            raise Unauthenticated(_OF_ANOTHER_NETWORK)
        return key_id

    def _reason(self, error: Exception) -> str:
        if isinstance(error, self._jwt.InvalidSignatureError):
            return _OF_ANOTHER_NETWORK
        if isinstance(error, self._jwt.InvalidAlgorithmError):
            return "The token is not signed with Ed25519 (EdDSA). Use a token of this network."
        return f"The token is not valid: {error}. Copy a whole token of this network."

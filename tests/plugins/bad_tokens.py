"""Tokens that no gate may believe."""

import base64
import json
import time

from fednet import limits
from fednet.contract import Principal, Role
from fednet.identity import CONTROLLERS, Claims, Signer, combiner_audience, new_signing_key


def bad_tokens(signer: Signer, role: Role, audience: str = CONTROLLERS) -> dict[str, str]:
    """Return tokens that claim a role and are worth nothing to an audience, by what is wrong with them."""
    principal = Principal.of(role, "id", "name")
    claims = Claims.of(principal, audience=audience)
    good = signer.sign_claims(claims)
    elsewhere = Claims.of(principal, audience=combiner_audience("x"))
    return {
        "expired": signer.sign_claims(Claims.of(principal, seconds=-3600, audience=audience)),
        "foreign": Signer.from_pem(new_signing_key()).sign_claims(claims),
        "tampered": _tampered(good),
        "alg=none": _unsigned(good),
        "for elsewhere": signer.sign_claims(elsewhere),
        "cut": good[:-10],
    }


def odd_texts() -> dict[str, str]:
    """Return texts that are no tokens, each made to break its reader, by what is odd about them."""
    deep = base64.urlsafe_b64encode(b"[" * 2000 + b"]" * 900).rstrip(b"=").decode()
    return {
        "too long": "x" * (limits.token_characters_max + 1),
        "a header of 2,000 levels": f"{deep}.e30.AAAA",
        "a key id that is a list": f"{_encoded({'alg': 'EdDSA', 'kid': [['x']]})}.e30.AAAA",
        "a header that is a number": "MQ.MQ.MQ",
        "nothing but points": "....",
        "letters of other scripts": "a\u00fcb.\u00e9.\u00e8",
    }


def _tampered(token: str) -> str:
    """Return the token with another principal's id in its claims, under the old signature."""
    header, _, signature = token.split(".")
    return f"{header}.{_encoded({**_claims(token), 'sub': 'somebody-else'})}.{signature}"


def _unsigned(token: str) -> str:
    """Return a token with the same claims that says that it needs no signature (RFC 7519, section 6)."""
    return f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{_encoded(_claims(token))}."


def _claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {**claims, "iat": int(time.time())}


def _encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()

"""The tokens of a controller without a server."""

from fednet.controller.tokens.issuing import Tokens
from fednet.controller.tokens.revocations import Revocations


def tokens_of(records, signer, feed):
    """Return the tokens that a key signs."""
    revocations = Revocations(records)
    return Tokens(records, signer.sign_claims, signer.verifier, revocations, feed.revoked)

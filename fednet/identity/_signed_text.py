"""The form that tokens and warrants share: a short text of ASCII characters."""

from __future__ import annotations

from fednet import limits
from fednet.errors import Unauthenticated


def checked_text(text: str, what: str) -> str:
    """Return the text, which is not verified yet.

    Args:
        text: The text that somebody gives as a token or a warrant.
        what: Which of the two it is, for the error.

    Raises:
        Unauthenticated: It is too long, or has characters that neither has.
    """
    if len(text) > limits.token_characters_max:
        raise Unauthenticated(f"The text is too long for a {what}. Copy the {what} again.")
    if not text.isascii():
        raise Unauthenticated(f"The {what} has characters that no {what} has. Copy it again.")
    return text

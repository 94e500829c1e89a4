"""The refusal of what FEDn does and fednet does not: an honest 501 that says what to do instead."""

from typing import NoReturn

from werkzeug.exceptions import BadRequest
from werkzeug.exceptions import NotImplemented as NotThere


def not_there(instead: str) -> NoReturn:
    """Refuse what fednet does not do.

    Args:
        instead: What to do instead, in a sentence or two.

    Raises:
        NotImplemented: Always; the answer's status is 501.
    """
    raise NotThere(instead)


def refuse_clients() -> NoReturn:
    """Refuse FEDn's client programs, whose protocol our combiners do not speak.

    Raises:
        BadRequest: Always; of all refusals, these programs show the message of a 400 alone, and then end.
    """
    raise BadRequest(
        "FEDn's own client programs cannot join this network. Start `fednet client start`, which "
        "runs the same compute package, or use fednet.client.Client."
    )

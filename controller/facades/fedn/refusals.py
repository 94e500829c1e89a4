"""The refusal of what FEDn does and fednet does not: an honest 501 that says what to do instead."""

from typing import NoReturn

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
    """Refuse FEDn's client programs: what they speak after joining is not what our combiners do."""
    not_there(
        "FEDn's own client programs cannot join this network. Start `fednet client start`, which "
        "runs the same compute package, or use fednet.client.Client."
    )

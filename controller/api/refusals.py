"""What FEDn has and fednet has not: an honest 501 that says what to do instead."""

from typing import NoReturn

from flask_openapi.types import ResponseDict
from werkzeug.exceptions import NotImplemented as NotThere

from .problems import Problem

NOT_THERE: ResponseDict = {"501": Problem}
"""What a route answers that only refuses, for the API's description of itself."""


def not_there(instead: str) -> NoReturn:
    """Refuse what fednet does not do.

    Args:
        instead: What to do instead, in a sentence or two.

    Raises:
        NotImplemented: Always; the answer's status is 501.
    """
    raise NotThere(instead)

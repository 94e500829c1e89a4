"""The choice of the words: which requests come from FEDn's clients."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from flask import Request, request

from fednet.http import MEDIA_TYPE
from fednet.storage import Document

from ...api.dialect import Dialect, OwnWords
from . import words_in, words_out

_AGENT: Final = "python-requests/"
"""FEDn's clients name no program of their own: their library speaks for them."""


class FednWords:
    """FEDn's vocabulary, beside the API's own."""

    def asked(self, given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
        """See `Dialect.asked`."""
        return words_in.asked({name: _repeated(name, given[name], known) for name in given}, known)

    def field(self, name: str, known: Collection[str]) -> str:
        """See `Dialect.field`."""
        return words_in.field(name, known)

    def shown(self, resource: str, documents: Sequence[Document]) -> list[Document]:
        """See `Dialect.shown`."""
        return words_out.shown(resource, documents)


def _repeated(name: str, value: Any, known: Collection[str]) -> Any:
    """Return all values of a field that the query repeats, if the route does not know it by this name."""
    return value if name in known or name not in request.args else request.args.getlist(name)


def is_fedns(asking: Request) -> bool:
    """Return True for a request of FEDn's clients: it comes from Python's `requests` and does not ask for our words."""
    asks_for_ours = MEDIA_TYPE in asking.headers.get("Accept", "")
    return asking.headers.get("User-Agent", "").startswith(_AGENT) and not asks_for_ours


def dialect_of(asking: Request) -> Dialect:
    """Return the dialect of a request; see `is_fedns`."""
    return FednWords() if is_fedns(asking) else OwnWords()

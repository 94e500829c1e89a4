"""The words of a request and of its answer: the API's own, unless a façade takes the request for one of its callers'.

A façade whose callers use the paths of this API speaks a dialect of it. The views know only the API's own words;
what they are asked and what they answer passes through the dialect of the request.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from flask import Request, current_app, request

from fednet.storage import Document

_EXTENSION = "fednet_dialect"


class Dialect(Protocol):
    """A vocabulary for the routes of this API."""

    def asked(self, given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
        """Return the fields of a request in the API's own words.

        Args:
            given: The fields as the caller names them; own words are among them, too.
            known: The names of the fields that the route takes.
        """

    def field(self, name: str, known: Collection[str]) -> str:
        """Return the API's own name of one field."""

    def shown(self, resource: str, documents: Sequence[Document]) -> list[Document]:
        """Return the documents of a resource as the caller expects them, in the same order."""


class OwnWords:
    """The API's own vocabulary."""

    def asked(self, given: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
        """Return the fields as they are."""
        del known
        return dict(given)

    def field(self, name: str, known: Collection[str]) -> str:
        """Return the name as it is."""
        del known
        return name

    def shown(self, resource: str, documents: Sequence[Document]) -> list[Document]:
        """Return the documents as they are."""
        del resource
        return list(documents)


ChooseDialect: TypeAlias = Callable[[Request], Dialect]


def speak(app_extensions: dict[str, object], choose: ChooseDialect) -> None:
    """Let `choose` decide in which dialect a request of an app is."""
    app_extensions[_EXTENSION] = choose


def dialect() -> Dialect:
    """Return the dialect of the present request."""
    choose: ChooseDialect = current_app.extensions[_EXTENSION]
    return choose(request)

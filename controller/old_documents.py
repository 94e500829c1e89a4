"""Documents as version 0.1.0 stored them, in today's words.

Until schema 3, documents had the words of FEDn, so this module knows some of them. It is used when a store or a
backup of an older version is opened, and never for what is written since. Each function takes a document of any
version and leaves one of today's as it is, so an upgrade that broke off may be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fednet.storage import Document

_KINDS: Final = {"WORKER": "client", "COMBINER": "combiner"}


def model(old: Document) -> Document:
    """Return the document of a model."""
    renamed = _renamed(old, parent_model="parent_id")
    digest = old.get("sha256")  # the only one until schema 3
    return {"helper": "numpyhelper", "digest": digest, **_without(renamed, "key", "model")}


def package(old: Document) -> Document:
    """Return the document of a package."""
    return _without(old, "key", "storage_file_name")


def client(old: Document) -> Document:
    """Return the document of a client; no preferred combiner was False."""
    renamed = _renamed(old, combiner_preferred="preferred_combiner")
    if renamed.get("preferred_combiner") is False:
        renamed["preferred_combiner"] = None
    return renamed


def combiner(old: Document) -> Document:
    """Return the document of a combiner."""
    return _without(old, "fqdn")


def session(old: Document) -> Document:
    """Return the document of a session; its state is none of FEDn's and stays, its projections are upgraded, too."""
    renamed = dict(old)
    if "session_config" in renamed:
        renamed["options"] = next(iter(renamed.pop("session_config") or ()), {})
    if "projections" in renamed:
        renamed["projections"] = [_projection(each) for each in renamed["projections"]]
    return {"task": "training", **renamed}


def status(old: Document) -> Document:
    """Return the document of a status."""
    if "sender" not in old:
        return old
    renamed = _renamed(old, sender="source", correlation_id="task_id", status="message")
    if "data" in renamed:
        renamed["details"] = _read(renamed.pop("data"))
    return _without(renamed, "extra") | {"source": _source(old["sender"])}


def validation(old: Document) -> Document:
    """Return the document of a validation."""
    return _answer(old, "task_id", "metrics")


def prediction(old: Document) -> Document:
    """Return the document of a prediction."""
    return _answer(old, "prediction_id", "result")


def metric(old: Document) -> Document:
    """Return the document of a metric."""
    return _of_a_client(old) if "sender" in old else old


def report(old: Document) -> Document:
    """Return the document of an attribute or of a telemetry."""
    if "sender" not in old:
        return old
    return _renamed(old, sender="source") | {"source": _source(old["sender"])}


_PROJECTED: Final[Mapping[str, Callable[[Document], Document]]] = {"models": model}


def _projection(carried: Document) -> Document:
    upgraded = _PROJECTED.get(carried["collection"], dict)
    return {**carried, "fields": upgraded(carried["fields"])}


def _answer(old: Document, asked: str, content: str) -> Document:
    """Return a client's answer, with today's names of what asked for it and of its content."""
    if "sender" not in old:
        return old
    renamed = _of_a_client(_renamed(old, correlation_id=asked))
    if "data" in renamed:
        renamed = {content: _read(renamed.pop("data")), **renamed}
    return renamed


def _of_a_client(old: Document) -> Document:
    """Return what a client sent, through a combiner; the client's id was not stored."""
    renamed = _renamed(_without(old, "meta"), sender="client", receiver="combiner")
    renamed["client"] = {"id": "", "name": (old["sender"] or {}).get("name")}
    if "receiver" in old:
        renamed["combiner"] = (old["receiver"] or {}).get("name")
    return renamed


def _source(sender: Mapping[str, Any] | None) -> dict[str, Any]:
    found = sender or {}
    kind = found.get("role")
    return {
        "kind": _KINDS.get(kind or "", kind),
        "name": found.get("name"),
        "id": found.get("client_id", ""),
    }


def _renamed(old: Document, **names: str) -> Document:
    return {names.get(name, name): value for name, value in old.items()}


def _without(old: Document, *names: str) -> Document:
    return {name: value for name, value in old.items() if name not in names}


def _read(text: Any) -> Any:
    """Return the value of a JSON text; the text itself where it is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text

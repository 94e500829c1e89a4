"""Our documents with FEDn's fields beside ours."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fednet import limits
from fednet.storage import Document

from .configs import session_configs
from .rounds import round_forms

ROLES: Final = {"client": "WORKER", "combiner": "COMBINER"}
"""FEDn's role of each kind of source."""

_IDS: Final = {
    "attributes": "attribute_id",
    "clients": "client_id",
    "combiners": "combiner_id",
    "metrics": "metric_id",
    "models": "model_id",
    "packages": "package_id",
    "predictions": "prediction_id",
    "statuses": "status_id",
    "telemetries": "telemetry_id",
    "validations": "validation_id",
}
"""The name by which 0.33 calls an object's id, where it is another than `id`."""


def shown(resource: str, documents: Sequence[Document]) -> list[Document]:
    """Return the documents of a resource with FEDn's fields beside ours."""
    id_name = _IDS.get(resource, "id")
    return [{**each, id_name: each["id"]} for each in _formed(resource, documents)]


def _formed(resource: str, documents: Sequence[Document]) -> list[Document]:
    if resource in _TOGETHER:
        return _TOGETHER[resource](documents)
    form = _BY_ONE.get(resource, dict)
    return [form(each) for each in documents]


def _client(client: Document) -> Document:
    return {
        **client,
        "combiner_preferred": client.get("preferred_combiner") or False,
        "last_seen": client.get("updated_at"),
        "package": "remote" if client.get("needs_package") else "local",
    }


def _combiner(combiner: Document) -> Document:
    """Return a combiner with FEDn's fields; its places for a certificate and a key stay empty."""
    return {
        **combiner,
        "fqdn": None,
        "parent": {"name": "api"},
        "certificate": None,
        "key": None,
        "config": {"max_clients": limits.combiner_clients_max},
    }


def _model(model: Document) -> Document:
    more = {"key": "models", "model": model["id"], "parent_model": model.get("parent_id")}
    return {**model, **more}


def _package(package: Document) -> Document:
    return {**package, "key": "package_trail", "storage_file_name": f"packages/{package['id']}"}


def _status(status: Document) -> Document:
    return {
        **status,
        "status": status.get("message"),
        "data": _text(status.get("details")),
        "correlation_id": status.get("task_id"),
        "extra": "",
        "sender": _sender(status.get("source")),
    }


def _validation(validation: Document) -> Document:
    return {
        **validation,
        **_from_client_to_combiner(validation),
        "correlation_id": validation.get("task_id"),
        "data": _text(validation.get("metrics")),
        "meta": "",
    }


def _prediction(prediction: Document) -> Document:
    return {
        **prediction,
        **_from_client_to_combiner(prediction),
        "correlation_id": prediction.get("prediction_id"),
        "data": _text(prediction.get("result")),
        "meta": "",
    }


def _metric(metric: Document) -> Document:
    return {**metric, "sender": _worker(metric.get("client"))}


def _report(report: Document) -> Document:
    return {**report, "sender": _sender(report.get("source"))}


def _from_client_to_combiner(document: Document) -> Document:
    receiver = {"name": document.get("combiner"), "role": "COMBINER"}
    return {"sender": _worker(document.get("client")), "receiver": receiver}


def _worker(client: Document | None) -> Document:
    return _sender({"kind": "client", **(client or {})})


def _sender(source: Document | None) -> Document:
    found = source or {}
    kind = found.get("kind") or ""
    return {
        "name": found.get("name"),
        "role": ROLES.get(kind, kind),
        "client_id": found.get("id", ""),
    }


def _text(value: Any) -> str:
    """Return a value as JSON; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value)


def _sessions(sessions: Sequence[Document]) -> list[Document]:
    return [
        {
            **session,
            "session_config": [{**session.get("options", {}), **config}],
        }
        for session, config in zip(sessions, session_configs(sessions), strict=True)
    ]


_BY_ONE: Final[Mapping[str, Callable[[Document], Document]]] = {
    "attributes": _report,
    "clients": _client,
    "combiners": _combiner,
    "metrics": _metric,
    "models": _model,
    "packages": _package,
    "predictions": _prediction,
    "statuses": _status,
    "telemetries": _report,
    "validations": _validation,
}
_TOGETHER: Final[Mapping[str, Callable[[Sequence[Document]], list[Document]]]] = {
    "rounds": round_forms,
    "sessions": _sessions,
}
"""Forms that need other documents, which are read for many at once."""

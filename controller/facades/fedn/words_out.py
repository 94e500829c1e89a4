"""Our documents with FEDn's fields beside ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from fednet import limits
from fednet.storage import Document

from .configs import session_configs
from .rounds import round_forms

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
    complete = _FORMS.get(resource, list)
    return [{**each, id_name: each["id"]} for each in complete(documents)]


def _clients(clients: Sequence[Document]) -> list[Document]:
    return [
        {
            **client,
            "last_seen": client.get("updated_at"),
            "package": "remote" if client.get("needs_package") else "local",
        }
        for client in clients
    ]


def _combiners(combiners: Sequence[Document]) -> list[Document]:
    """Return combiners with FEDn's fields; its places for a certificate and a key stay empty."""
    fixed = {
        "fqdn": None,
        "parent": {"name": "api"},
        "certificate": None,
        "key": None,
        "config": {"max_clients": limits.combiner_clients_max},
    }
    return [{**combiner, **fixed} for combiner in combiners]


def _sessions(sessions: Sequence[Document]) -> list[Document]:
    return [
        {
            **session,
            "session_config": [{**each, **config} for each in session.get("session_config", [])],
        }
        for session, config in zip(sessions, session_configs(sessions), strict=True)
    ]


_FORMS: Final[Mapping[str, Callable[[Sequence[Document]], list[Document]]]] = {
    "clients": _clients,
    "combiners": _combiners,
    "rounds": round_forms,
    "sessions": _sessions,
}

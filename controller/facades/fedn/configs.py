"""A session's options as FEDn shows them: its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fednet.storage import Document, Query

from ...api.services import services
from .options import in_fedns_words


def session_configs(sessions: Sequence[Document]) -> list[dict[str, Any]]:
    """Return the configuration of each session."""
    return [
        {
            **options(session),
            "committed_at": session.get("committed_at"),
            "model_id": seed,
            "session_id": session.get("session_id"),
            "task": "",
        }
        for session, seed in zip(sessions, _seed_models(sessions), strict=True)
    ]


def options(session: Document) -> dict[str, Any]:
    """Return the options of a session under FEDn's names."""
    return in_fedns_words(session.get("options", {}))


def by_field(
    collection: str, field: str, values: Iterable[str | None]
) -> dict[str | None, Document]:
    """Return the documents in which the field has one of these values, by that value."""
    return {each[field]: each for each in _matching(collection, field, values)}


def _seed_models(sessions: Sequence[Document]) -> list[str | None]:
    """Return the model that each session began with: the parent of the one that its first round gave."""
    session_ids = [each.get("session_id") for each in sessions]
    rounds = _matching("rounds", "session_id", session_ids, number=1)
    made = {each["session_id"]: each["model_id"] for each in rounds}
    models = by_field("models", "id", list(made.values()))
    seeds = {id_: models[made[id_]]["parent_id"] for id_ in made if made[id_] in models}
    return [seeds.get(each.get("session_id"), each.get("model_id")) for each in sessions]


def _matching(
    collection: str, field: str, values: Iterable[str | None], **also: Any
) -> list[Document]:
    known = [value for value in set(values) if value is not None]
    return services().records.find(collection, Query(where={field: known, **also}))

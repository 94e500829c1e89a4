"""A round as FEDn shows it: its configuration, the combiners' parts and the times of its reduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fednet.storage import Document

from .configs import by_field, options


def round_forms(documents: Sequence[Document]) -> list[Document]:
    """Return rounds with FEDn's fields beside ours."""
    sessions = by_field("sessions", "session_id", [each.get("session_id") for each in documents])
    models = by_field("models", "id", [each.get("model_id") for each in documents])
    return [
        _round(each, sessions.get(each.get("session_id"), {}), models.get(each.get("model_id"), {}))
        for each in documents
    ]


def _round(document: Document, session: Document, model: Document) -> Document:
    """Return a round in FEDn's form; its model's parent is the model that it began with.

    A round that has given no model yet, or never will, began with its session's newest.
    """
    config = {
        **options(session),
        "committed_at": document.get("started_at"),
        "model_id": model.get("parent_id") or session.get("model_id"),
        "round_id": document.get("round_id"),
        "rounds": 1,
        "session_id": document.get("session_id"),
        "task": "training",
    }
    combiners = [
        {**share, **_combiner(share, document, config)} for share in document.get("combiners", [])
    ]
    return {
        **document,
        "round_config": config,
        "combiners": combiners,
        "round_data": _round_data(document.get("seconds", {})),
    }


def _combiner(share: Document, document: Document, config: Document) -> Document:
    """Return one combiner's part; FEDn's intermediate model is a partial here, which has no id."""
    folding = document.get("answer_seconds", {}).get("fold", {}).get("sum", 0.0) * _portion(
        share, document
    )
    return {
        "round_id": document["round_id"],
        "model_id": None,
        "status": _outcome(share, document),
        "time_exec_training": document["seconds"].get("train"),
        "config": {"_job_id": document["id"], **{name: str(config[name]) for name in config}},
        "data": {
            "nr_expected_updates": share["clients"],
            "nr_required_updates": config["clients_required"],
            "timeout": config["round_timeout"],
            "time_combination": folding,
            "aggregation_time": {
                "nr_aggregated_models": share["updates"],
                "time_model_aggregation": folding,
                "time_model_load": 0.0,
            },
        },
    }


def _portion(share: Document, document: Document) -> float:
    """Return the part of the round's updates that a combiner has folded."""
    return share["updates"] / total if (total := document.get("updates")) else 0.0


def _outcome(share: Document, document: Document) -> str:
    if share["failure"]:
        return "Failed"
    return "Success" if document["status"] == "Finished" else str(document["status"])


def _round_data(seconds: Mapping[str, float]) -> dict[str, Any]:
    """Return the times after the training; partials are merged where they lie, so none is fetched."""
    if "reduce" not in seconds:
        return {}
    return {
        "reduce": {
            "time_aggregate_model": seconds["reduce"],
            "time_fetch_model": 0.0,
            "time_load_model": 0.0,
        },
        "time_commit": seconds.get("commit", 0.0),
    }

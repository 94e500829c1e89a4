"""FEDn's forms of what we store: the fields that its clients look for, made when somebody asks."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from fednet.storage import Document, Query

from .services import services

# What FEDn calls our session options.
_OPTIONS = {
    "aggregator": "aggregator",
    "aggregator_kwargs": "aggregator_kwargs",
    "buffer_size": "round_buffer_size",
    "clients_requested": "requested_clients",
    "clients_required": "min_clients",
    "delete_models_storage": "delete_models",
    "helper_type": "helper",
    "round_timeout": "round_timeout",
    "rounds": "rounds",
    "validate": "validate",
}

# How FEDn 0.33 calls the id of an object.
_IDS = {
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


def with_fedn_id(collection: str, documents: Iterable[Document]) -> list[Document]:
    """Documents with their id under the name that FEDn 0.33 has for it, where it has another."""
    name = _IDS.get(collection, "id")
    return [{**document, name: document["id"]} for document in documents]


def session_configs(sessions: Sequence[Document]) -> list[dict[str, Any]]:
    """The configuration of each session as FEDn shows it."""
    seeds = _seed_models(sessions)
    return [
        {
            **_options(session),
            "committed_at": session.get("committed_at"),
            "model_id": seed,
            "session_id": session.get("session_id"),
            "task": "",
        }
        for session, seed in zip(sessions, seeds, strict=True)
    ]


def round_forms(documents: Sequence[Document]) -> list[Document]:
    """Rounds with FEDn's fields beside ours."""
    sessions = _by("session_id", "sessions", [each.get("session_id") for each in documents])
    models = _by("id", "models", [each.get("model_id") for each in documents])
    return [
        _round(each, sessions.get(each.get("session_id"), {}), models.get(each.get("model_id"), {}))
        for each in documents
    ]


def http_date(timestamp: str) -> str:
    """A time of ours as FEDn's lists have it: `Sat, 21 Nov 2026 16:56:08 GMT`."""
    return format_datetime(datetime.fromisoformat(timestamp), usegmt=True)


def plain_date(timestamp: str) -> str:
    """A time of ours as FEDn's model trail has it: `2026-11-21 16:56:08.339439`, in UTC."""
    return datetime.fromisoformat(timestamp).strftime("%Y-%m-%d %H:%M:%S.%f")


def _options(session: Document) -> dict[str, Any]:
    config: dict[str, Any] = next(iter(session.get("session_config", [])), {})
    return {theirs: config.get(ours) for theirs, ours in _OPTIONS.items()}


def _seed_models(sessions: Sequence[Document]) -> list[str | None]:
    """The model that each session began with: the parent of the one that its first round gave."""
    session_ids = [each.get("session_id") for each in sessions]
    rounds = _matching("rounds", "session_id", session_ids, number=1)
    made = {each["session_id"]: each["model_id"] for each in rounds}
    models = _by("id", "models", list(made.values()))
    seeds = {id_: models[made[id_]]["parent_model"] for id_ in made if made[id_] in models}
    return [seeds.get(each.get("session_id"), each.get("model_id")) for each in sessions]


def _round(document: Document, session: Document, model: Document) -> Document:
    """A round in FEDn's form; its model's parent is what it began with.

    A round that has given no model yet, or never will, began with its session's newest.
    """
    config = {
        **_options(session),
        "committed_at": document.get("started_at"),
        "model_id": model.get("parent_model") or session.get("model_id"),
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
    """One combiner's part; FEDn's intermediate model is a partial here, which has no id."""
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
    """Where the time after the training went; partials are merged where they lie, so none is fetched."""
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


def _by(field: str, collection: str, values: Iterable[str | None]) -> dict[str | None, Document]:
    """The documents in which the field has one of these values, by that value."""
    return {each[field]: each for each in _matching(collection, field, values)}


def _matching(
    collection: str, field: str, values: Iterable[str | None], **also: Any
) -> list[Document]:
    known = [value for value in set(values) if value is not None]
    return services().records.find(collection, Query(where={field: known, **also}))

"""The results of a session's rounds, from the rounds and the clients' validations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.json_values import as_finite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fednet.api_client import APIClient

_STAGES = ("plan", "train", "reduce", "commit")  # of a round's seconds
COLUMNS = ("round", "status", "clients", "examples", "accuracy", "seconds", *_STAGES)


@dataclass(frozen=True)
class RoundResult:
    """One round of a session.

    Attributes:
        number: The number of the round, from 1.
        status: The status of the round, such as FINISHED.
        clients: The number of folded updates.
        examples: The number of their training examples.
        accuracy: The accuracy of its model on all held-out examples; None if no client has reported it.
        started_at: The time of its start.
        seconds: The time from its start to its end; None while it runs.
        stages: The known parts of these seconds: plan, train, reduce, commit.
        model_id: The id of its model.
    """

    number: int
    status: str
    clients: int
    examples: int
    accuracy: float | None
    started_at: datetime
    seconds: float | None
    stages: Mapping[str, float]
    model_id: str | None

    def row(self) -> list[Any]:
        """Return the cells under `COLUMNS`."""
        accuracy = None if self.accuracy is None else round(self.accuracy, 4)
        seconds = None if self.seconds is None else round(self.seconds, 2)
        stages = [round(self.stages[each], 3) if each in self.stages else None for each in _STAGES]
        return [self.number, self.status, self.clients, self.examples, accuracy, seconds, *stages]


def round_results(api: APIClient, session_id: str) -> list[RoundResult]:
    """Return the newest page of the session's rounds, in their order."""
    n_max = limits.page_items_max
    validations = api.get_validations(session_id=session_id, n_max=n_max)["result"]
    accuracies = _accuracy_by_model(validations)
    documents = [
        document
        for document in api.get_rounds(n_max=n_max)["result"]
        if document["session_id"] == session_id
    ]
    results = [_result(document, accuracies) for document in documents]
    return sorted(results, key=lambda result: result.number)


def _result(document: Mapping[str, Any], accuracies: Mapping[str, float]) -> RoundResult:
    started_at = datetime.fromisoformat(document["started_at"])
    ended_at, model_id = document.get("ended_at"), document.get("model_id")
    return RoundResult(
        number=document["number"],
        status=document["status"].upper(),
        clients=document.get("updates") or 0,
        examples=round(document.get("examples") or 0),
        accuracy=accuracies.get(model_id or ""),
        started_at=started_at,
        seconds=(datetime.fromisoformat(ended_at) - started_at).total_seconds()
        if ended_at
        else None,
        stages={each: value for each, value in document["seconds"].items() if each in _STAGES},
        model_id=model_id,
    )


def _accuracy_by_model(validations: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return for each model the mean of the clients' `accuracy`, weighted by their `num_examples`."""
    reported: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for validation in validations:
        metrics = validation["metrics"]
        if not isinstance(metrics, Mapping):
            continue
        accuracy, count = as_finite(metrics.get("accuracy")), _weight(metrics)
        if accuracy is not None:
            reported[validation["model_id"]].append((accuracy, count))
    return {model: _mean(each) for model, each in reported.items()}


def _mean(weighted: Iterable[tuple[float, float]]) -> float:
    values = list(weighted)
    total = sum(count for _, count in values)
    return sum(value * (count / total) for value, count in values)


def _weight(metrics: Mapping[str, Any]) -> float:
    """Return the number of examples of a validation; 1 if it has reported none that can count."""
    count = as_finite(metrics.get("num_examples", 1))
    return count if count is not None and 0 < count <= limits.update_examples_max else 1.0

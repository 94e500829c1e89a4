"""The results of a session's rounds, from the rounds, the clients' validations and their answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.json_values import as_finite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fednet.api_client import APIClient

_STAGES = ("plan", "validate", "train", "reduce", "commit")  # of a round's seconds
_FACTS = ("round", "status", "clients", "examples")
_WEIGHT = "num_examples"
_NAMED_FAILURES_MAX = 5


@dataclass(frozen=True)
class RoundResult:
    """One round of a session.

    Attributes:
        number: The number of the round, from 1.
        status: The status of the round, such as FINISHED.
        clients: The number of folded updates.
        examples: The number of their training examples.
        metrics: The mean of each metric of its model over the clients, weighted by their `num_examples`.
        started_at: The time of its start.
        seconds: The time from its start to its end; None while it runs.
        stages: The known parts of these seconds: plan, validate, train, reduce, commit.
        model_id: The id of its model.
        failures: The clients whose answer does not count, by name, with the outcome if it is not `failed`.
        epsilon: ε that the session has spent by then; None without differential privacy.
    """

    number: int
    status: str
    clients: int
    examples: int
    metrics: Mapping[str, float]
    started_at: datetime
    seconds: float | None
    stages: Mapping[str, float]
    model_id: str | None
    failures: Sequence[str] = field(default=())
    epsilon: float | None = None

    @property
    def accuracy(self) -> float | None:
        """The accuracy of its model on all held-out examples; None if no client has reported it."""
        return self.metrics.get("accuracy")


def round_results(api: APIClient, session_id: str) -> list[RoundResult]:
    """Return the newest page of the session's rounds, in their order."""
    n_max = limits.page_items_max
    found = api.get_validations(session_id=session_id, n_max=n_max)["result"]
    validations = _by_model(found)
    documents = api.get_rounds(n_max=n_max, session_id=session_id)["result"]
    results = [_result(api, each, validations) for each in documents]
    return sorted(results, key=lambda result: result.number)


def rounds_table(
    results: Sequence[RoundResult], metrics: Sequence[str] = ()
) -> tuple[list[str], list[list[Any]]]:
    """Return the columns and the rows of a table of rounds.

    Args:
        results: The rounds.
        metrics: The metrics to show; by default all that a client has reported.
    """
    shown = list(metrics) or list(dict.fromkeys(name for each in results for name in each.metrics))
    spent = ["ε"] if any(each.epsilon is not None for each in results) else []
    columns = [*_FACTS, *shown, *spent, "failed", "seconds", *_STAGES]
    return columns, [_row(each, shown, has_privacy=bool(spent)) for each in results]


def _row(result: RoundResult, metrics: Sequence[str], *, has_privacy: bool) -> list[Any]:
    return [
        result.number,
        result.status,
        result.clients,
        result.examples,
        *(_rounded(result.metrics.get(name), 4) for name in metrics),
        *([_rounded(result.epsilon, 3)] if has_privacy else []),
        _listed(result.failures),
        _rounded(result.seconds, 2),
        *(_rounded(result.stages.get(stage), 3) for stage in _STAGES),
    ]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _listed(names: Sequence[str]) -> str | None:
    """Return the first names, and the number of the others."""
    others = len(names) - _NAMED_FAILURES_MAX
    listed = [*names[:_NAMED_FAILURES_MAX], *([f"{others} more"] if others > 0 else [])]
    return ", ".join(listed) or None


def _result(
    api: APIClient,
    document: Mapping[str, Any],
    validations: Mapping[str, Sequence[Mapping[str, Any]]],
) -> RoundResult:
    started_at = datetime.fromisoformat(document["started_at"])
    ended_at, model_id = document.get("ended_at"), document.get("model_id")
    reported = validations.get(model_id or "", ())
    return RoundResult(
        number=document["number"],
        status=document["status"].upper(),
        clients=document.get("updates") or 0,
        examples=round(document.get("examples") or 0),
        metrics=_means(reported),
        started_at=started_at,
        seconds=_seconds_between(started_at, ended_at) if ended_at else None,
        stages={each: value for each, value in document["seconds"].items() if each in _STAGES},
        model_id=model_id,
        failures=_failures(api, document, len(reported)),
        epsilon=(document.get("privacy") or {}).get("epsilon"),
    )


def _seconds_between(started_at: datetime, ended_at: str) -> float:
    """Return the duration of a round; 0 where another controller with an earlier clock has ended it."""
    return max(0.0, (datetime.fromisoformat(ended_at) - started_at).total_seconds())


def _failures(api: APIClient, document: Mapping[str, Any], validations: int) -> list[str]:
    """Return the clients without an answer that counts; asked only where an answer is missing."""
    asked, updates = document.get("clients") or 0, document.get("updates") or 0
    if updates >= asked and (not validations or validations >= updates):
        return []
    answers = api.get_round_answers(document["id"], n_max=limits.page_items_max)["result"]
    failed = [_failure(each) for each in answers if each["outcome"] != "counted"]
    return sorted(set(failed))


def _failure(answer: Mapping[str, Any]) -> str:
    name, outcome = answer["client"]["name"], answer["outcome"]
    return name if outcome == "failed" else f"{name} ({outcome})"


def _by_model(
    validations: Iterable[Mapping[str, Any]],
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return the reported metrics, by the model's id, oldest first."""
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for validation in validations:
        if isinstance(validation["metrics"], Mapping):
            found[validation["model_id"]].insert(0, validation["metrics"])
    return found


def _means(reported: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the mean of each metric that is a number, weighted by `num_examples`."""
    weighted: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for metrics in reported:
        for name in metrics.keys() - {_WEIGHT}:
            if (value := as_finite(metrics[name])) is not None:
                weighted[name].append((value, _weight(metrics)))
    order = dict.fromkeys(name for metrics in reported for name in metrics)
    return {name: _mean(weighted[name]) for name in order if name in weighted}


def _mean(weighted: Iterable[tuple[float, float]]) -> float:
    values = list(weighted)
    total = sum(count for _, count in values)
    return sum(value * (count / total) for value, count in values)


def _weight(metrics: Mapping[str, Any]) -> float:
    """Return the number of examples of a validation; 1 if it has reported none that can count."""
    count = as_finite(metrics.get(_WEIGHT, 1))
    return count if count is not None and 0 < count <= limits.update_examples_max else 1.0

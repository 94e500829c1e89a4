"""Rounds: what each took in and gave."""

from typing import Any

from .forms import round_forms
from .resource import Alternatives, Filters, Resource, Shown, add_get_route, add_list_routes


class RoundFilters(Filters):
    """What rounds can be filtered by."""

    round_id: Alternatives = None
    session_id: Alternatives = None
    status: Alternatives = None


class Round(Shown):
    """One global model in, one global model out."""

    round_id: str
    """Its number among the rounds of the whole network."""

    session_id: str
    number: int
    """Its number in its session, from 1."""

    attempt: int
    """How many attempts had come to nothing before."""

    status: str
    """Pending, Finished, Failed or Terminated."""

    model_id: str | None
    """The model that it gave."""

    clients: int
    """How many were asked."""

    updates: int
    """How many updates are in the model."""

    examples: float
    """How many examples they were trained on."""

    answers: list[dict[str, Any]]
    """For each folded update: client, num_examples, and the seconds of each step."""

    answer_seconds: dict[str, dict[str, float]]
    """Of the steps of the answers (download, train, upload, fold) the longest (max) and the sum."""

    problems: list[str]
    """Why clients did not answer; the last few."""

    started_at: str
    """ISO 8601, UTC."""

    ended_at: str | None
    seconds: dict[str, float]
    """How long the whole round took, and in it: plan (until the last task was sent), train (until
    the last combiner had closed), reduce and commit (until all was stored)."""

    combiners: list[dict[str, Any]]
    """What each combiner had a part in."""


RESOURCE = Resource("rounds", RoundFilters, present=round_forms, shape=Round)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)

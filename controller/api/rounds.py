"""Rounds: a summary of each, and the clients' answers in it."""

from typing import Any, Literal

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from fednet.contract import Permission, requires

from .resource import (
    ById,
    Filters,
    Page,
    Resource,
    Shown,
    add_get_route,
    add_list_routes,
    takes_filters,
)


class ShownRound(Shown):
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
    """The part of each combiner."""

    merged: list[dict[str, Any]] = Field(default_factory=list)
    """In an asynchronous session, the updates of the model: phase_id, client_id and staleness, the number of rounds
    that each is behind."""

    privacy: dict[str, Any] | None = None
    """With the option dp, what the session has spent by then: epsilon, delta, epsilon_max, releases (of models, or by
    each client), mechanism, noise_multiplier, and the clip of this round."""


class AskedClient(BaseModel):
    """The client that was asked."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str

    name: str


class Answer(Shown):
    """One client's answer in a round, or the end of its task without one."""

    session_id: str
    round_id: str
    """The id of the round in which the task began."""

    round_number: int
    phase_id: str
    kind: str
    """TRAIN, VALIDATE, PREDICT or EXCHANGE."""

    client: AskedClient
    combiner: str
    """The combiner that asked."""

    outcome: Literal["counted", "failed", "refused", "late", "gone"]
    message: str
    """The reason, if the answer does not count."""

    num_examples: float
    metadata: Any
    """Everything else that the client said with its update."""

    seconds: dict[str, float]
    """The time of each part of the work: download, train, upload and fold."""

    happened_at: str
    """ISO 8601, UTC."""


RESOURCE = Resource("rounds", Permission.SESSIONS_READ, shape=ShownRound)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


ANSWERS = Resource("answers", Permission.RESULTS_READ, shape=Answer)


@api.get(
    "/<string:id>/answers/",
    summary="List a round's answers",
    responses={"200": ANSWERS.listing},
)
@requires(Permission.RESULTS_READ)
@takes_filters(ANSWERS)
def answers(path: ById, query: Filters, header: Page) -> Response:
    """List the clients' answers in a round, newest first unless the headers say otherwise; X-Limit asks for a part."""
    round_ = RESOURCE.get(path.id)
    return ANSWERS.page({"round_id": round_["id"], **query.where()}, header)

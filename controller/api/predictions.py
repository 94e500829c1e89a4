"""Predictions: what clients made of their data with a model."""

from typing import Any

from fednet.contract import Permission, PredictionOptions, requires

from .access import caller
from .resource import (
    Resource,
    Shown,
    ShownClient,
    Succeeded,
    add_get_route,
    add_list_routes,
)
from .services import services


class Prediction(Shown):
    """The prediction of one client."""

    model_id: str
    prediction_id: str
    """The prediction session, the same for all clients: the prediction_id that it was started with."""

    result: Any
    """The predictions; a text where the client gave no JSON."""

    timestamp: str
    """ISO 8601, UTC."""

    client: ShownClient
    combiner: str
    """The combiner that asked."""


class PredictionsStarted(Succeeded):
    """The clients are asked."""

    prediction_id: str
    """The id of the session that asks them, to be waited for like any other."""


RESOURCE = Resource("predictions", Permission.RESULTS_READ, shape=Prediction)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post(
    "/start",
    summary="Let clients predict with a model",
    responses={"200": PredictionsStarted},
)
@requires(Permission.PREDICTIONS_WRITE)
def start(body: PredictionOptions) -> dict[str, Any]:
    """Start a prediction session; the same prediction_id with the same options may be sent again.

    `sessions/<prediction_id>` tells how it goes and ends.
    """
    session = services().sessions.start(caller(), body)
    return {
        "success": True,
        "message": "Prediction session started",
        "prediction_id": session["session_id"],
    }

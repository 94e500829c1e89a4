"""Predictions: what clients made of their data with a model."""

from typing import NoReturn

from pydantic import BaseModel, ConfigDict, Field

from fednet import limits

from .refusals import NOT_THERE, not_there
from .resource import Alternatives, Filters, Party, Resource, Shown, add_get_route, add_list_routes


class PredictionFilters(Filters):
    """What predictions can be filtered by."""

    model_id: Alternatives = None
    correlation_id: Alternatives = None
    sender_name: Alternatives = Field(None, alias="sender.name")
    sender_role: Alternatives = Field(None, alias="sender.role")
    receiver_name: Alternatives = Field(None, alias="receiver.name")
    receiver_role: Alternatives = Field(None, alias="receiver.role")


class Prediction(Shown):
    """What one client predicted."""

    model_id: str
    correlation_id: str
    """What was asked for, the same for all clients."""

    data: str
    """The predictions, as JSON."""

    timestamp: str
    """ISO 8601, UTC."""

    meta: str
    sender: Party
    receiver: Party


class AskedPredictions(BaseModel):
    """Which predictions are asked for."""

    model_config = ConfigDict(extra="forbid")

    prediction_id: str = Field(min_length=1, max_length=limits.name_characters_max)
    model_id: str | None = None


RESOURCE = Resource("predictions", PredictionFilters, shape=Prediction)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post("/start", summary="Let clients predict with a model", responses=NOT_THERE)
def start(body: AskedPredictions) -> NoReturn:
    """Refuse: sessions train and validate, and nothing else yet."""
    not_there(
        f"The predictions {body.prediction_id!r} are not started: this network's sessions train and "
        "validate. Download the model and predict with it where the data is."
    )

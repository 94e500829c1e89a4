"""FEDn's root routes on what happened and what was measured."""

import json
from collections.abc import Sequence
from typing import Any

from flask import Response, request
from pydantic import BaseModel

from fednet import limits
from fednet.contract import Permission, requires
from fednet.storage import Document, Query

from ....api.listing import documents, list_answer, object_answer
from ....api.resource import filters_of
from ..box_plot import box_plot, readings, scalar_metrics
from ..words_in import asked
from ..words_out import shown
from .parts import Slice, only, root_blueprint


class PlotQuery(BaseModel):
    """The metric to plot; by default the first that clients report."""

    feature: str | None = None


api = root_blueprint("events")


@api.get("/get_events")
@requires(Permission.STATUSES_READ)
def get_events(query: Slice) -> Response:
    """Return the statuses as FEDn stores them, newest first."""
    return list_answer("statuses", query.query(_filters("statuses")), _event_forms)


@api.get("/list_validations")
@requires(Permission.RESULTS_READ)
def list_validations() -> Response:
    """Return the validations by their ids."""
    found = documents("validations", Query(where=_filters("validations")))
    return object_answer((each["id"], _validation_form(each)) for each in found)


@api.get("/get_plot_data")
@requires(Permission.RESULTS_READ)
def get_plot_data(query: PlotQuery) -> dict[str, Any]:
    """Return the distribution of a metric over the clients, as a Plotly figure in JSON."""
    newest = Query(descending=True, limit=limits.plotted_validations_max)
    measured = readings(documents("validations", newest))[::-1]
    metrics = scalar_metrics(measured)
    feature = query.feature or next(iter(metrics), "")
    return {"valid_metrics": metrics, "box_plot": json.dumps(box_plot(measured, feature))}


def _filters(resource: str) -> dict[str, Any]:
    """Return the filter of the query; the words of `Slice` are no fields."""
    kind = filters_of(resource)
    given = request.args.to_dict(flat=False)
    fields = {name: given[name] for name in given if name not in Slice.model_fields}
    return kind.model_validate(asked(fields, kind.known())).where()


def _event_forms(found: Sequence[Document]) -> list[dict[str, Any]]:
    return [
        {
            **only(each, "data", "extra", "sender", "status", "timestamp", "type"),
            "correlationId": each["correlation_id"],
            "logLevel": each["log_level"],
            "sessionId": each["session_id"],
        }
        for each in shown("statuses", found)
    ]


def _validation_form(validation: Document) -> dict[str, Any]:
    names = ("model_id", "data", "timestamp", "meta", "sender", "receiver")
    return only(shown("validations", [validation])[0], *names)

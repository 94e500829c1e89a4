"""The metrics of this controller, in the text format of Prometheus."""

from flask import Response
from flask_openapi.blueprint import APIBlueprint

from fednet.collectors import metrics_page
from fednet.contract import Permission, requires

from .problems import REFUSALS
from .services import services

api = APIBlueprint("scraping", __name__, abp_tags=[{"name": "metrics"}], abp_responses=REFUSALS)

_TEXT = {"text/plain": {"schema": {"type": "string"}}}


@api.get(
    "/metrics",
    summary="Metrics for Prometheus",
    operation_id="scrape",
    responses={"200": {"description": "OK", "content": _TEXT}},
)
@requires(Permission.METRICS_READ)
def scrape() -> Response:
    """Answer with all metrics of this controller; each controller has its own."""
    page = metrics_page(services().metrics.registry)
    return Response(page.body, content_type=page.content_type)

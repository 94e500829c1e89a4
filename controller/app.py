"""The controller's REST API as a WSGI application."""

from flask import Flask

from fednet import limits

from .api import (
    attributes,
    blobs,
    clients,
    combiners,
    feed,
    health,
    helpers,
    metrics,
    models,
    packages,
    predictions,
    rounds,
    sessions,
    statuses,
    telemetries,
    validations,
)
from .api.access import check_access
from .api.forwarding import forward
from .api.openapi import described_app
from .api.problems import handle_problems
from .api.services import Services, Sessions, provide
from .driven_elsewhere import DrivenElsewhere
from .facades import fedn

__all__ = ["Services", "Sessions", "create_app"]


def create_app(services: Services) -> Flask:
    """The REST API on top of these services."""
    app = described_app(__name__)
    app.config["MAX_CONTENT_LENGTH"] = limits.json_bytes_max
    provide(app.extensions, services)
    app.before_request(check_access)
    handle_problems(app)
    app.register_error_handler(DrivenElsewhere, forward)
    for resource in (
        attributes,
        blobs,
        clients,
        combiners,
        feed,
        health,
        helpers,
        metrics,
        models,
        packages,
        predictions,
        rounds,
        sessions,
        statuses,
        telemetries,
        validations,
    ):
        app.register_api(resource.api)
    fedn.serve(app)
    return app

"""The controller's REST API as a WSGI application."""

from flask import Flask
from flask_openapi.openapi import OpenAPI

from fednet import limits

from .api import (
    attributes,
    auth,
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
    users,
    validations,
)
from .api.access import check_access
from .api.forwarding import forward
from .api.openapi import described_app
from .api.problems import handle_problems
from .api.services import Services, Sessions, provide
from .driven_elsewhere import DrivenElsewhere
from .facades import fedn

__all__ = ["Services", "Sessions", "app_of_routes", "create_app"]


def create_app(services: Services) -> Flask:
    """Return the REST API on top of these services."""
    app = app_of_routes()
    app.config["MAX_CONTENT_LENGTH"] = limits.json_bytes_max
    provide(app.extensions, services)
    app.before_request(check_access)
    handle_problems(app)
    app.register_error_handler(DrivenElsewhere, forward)
    return app


def app_of_routes() -> OpenAPI:
    """Return an app with all routes and nothing behind them: enough to describe them."""
    app = described_app(__name__)
    for resource in (
        attributes,
        auth,
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
        users,
        validations,
    ):
        app.register_api(resource.api)
    fedn.serve(app)
    return app

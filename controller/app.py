"""The controller's REST API as a WSGI application."""

from flask import Flask
from flask_openapi.openapi import OpenAPI

from fednet import limits

from .api import (
    clients,
    combiners,
    health,
    models,
    packages,
    rounds,
    sessions,
    statuses,
    validations,
)
from .api.access import check_access
from .api.problems import Problem, handle_problems, invalid
from .api.services import Services, Sessions, provide

__all__ = ["Services", "Sessions", "create_app"]


def create_app(services: Services) -> Flask:
    """The REST API on top of these services."""
    app = OpenAPI(
        __name__,
        info={"title": "fednet", "version": "1"},
        validation_error_model=Problem,
        validation_error_callback=invalid,
        doc_ui=False,
    )
    app.config["MAX_CONTENT_LENGTH"] = limits.json_bytes_max
    provide(app.extensions, services)
    app.before_request(check_access)
    handle_problems(app)
    for resource in (
        clients,
        combiners,
        health,
        models,
        packages,
        rounds,
        sessions,
        statuses,
        validations,
    ):
        app.register_api(resource.api)
    return app

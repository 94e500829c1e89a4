"""How the API describes itself: an OpenAPI document at /openapi.json, and a page to read and try it at /docs.

The document is made from the routes and their types. Both are open without a token: they tell what
the program can do, and nothing of what it knows.
"""

from importlib.metadata import version

from flask import Blueprint, Response, current_app, jsonify, redirect, url_for
from flask_openapi.models.security_scheme import SecurityScheme
from flask_openapi.openapi import OpenAPI
from flask_openapi_swagger.plugins import RegisterPlugin
from werkzeug.wrappers import Response as Redirection

from .problems import Problem, invalid

OPEN_ROUTES = frozenset(
    {"description.document", "description.page", "swagger.swagger", "swagger.static"}
)

_BEARER = SecurityScheme(
    type="http", scheme="bearer", description="An admin's token, unless a route says otherwise."
)


def described_app(import_name: str) -> OpenAPI:
    """A new app that describes the routes which are registered with it."""
    app = OpenAPI(
        import_name,
        info={"title": "fednet", "version": version("fednet")},
        security_schemes={"token": _BEARER},
        openapi_extensions={"security": [{"token": []}]},
        validation_error_model=Problem,
        validation_error_callback=invalid,
        doc_ui=False,
    )
    app.openapi_version = "3.1.0"  # the newest that other tools read well
    app.config["SWAGGER_CONFIG"] = {"validatorUrl": None}  # else the page asks a stranger's server
    app.register_blueprint(_description())
    app.register_blueprint(RegisterPlugin.register("../openapi.json"), url_prefix="/docs")
    return app


def operation_id(*, bp_name: str, name: str, path: str, method: str) -> str:
    """What generated clients call an operation: its resource and its view, as in `sessions_start`."""
    del path, method
    return f"{bp_name}_{name.rstrip('_')}"


def _description() -> Blueprint:
    """The routes of the document and of the page."""
    blueprint = Blueprint("description", __name__)

    @blueprint.get("/openapi.json")
    def document() -> Response:
        app = current_app
        assert isinstance(app, OpenAPI)
        return jsonify(app.api_doc)

    @blueprint.get("/docs")
    def page() -> Redirection:
        return redirect(url_for("swagger.swagger"))

    return blueprint

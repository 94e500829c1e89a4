"""The description of the API: an OpenAPI document at /openapi.json, and a page to read and try it at /docs.

The document is made from the routes and their types. Both are open without a token: they tell what
the program can do, and nothing of what it knows.
"""

from functools import partial
from importlib.metadata import version

from flask import Blueprint, Response, current_app, jsonify, redirect, url_for
from flask_openapi.models.security_scheme import SecurityScheme
from flask_openapi.openapi import OpenAPI
from flask_openapi_swagger.plugins import RegisterPlugin
from werkzeug.wrappers import Response as Redirection

from fednet.contract import open_to_all

from .described import told
from .problems import Problem, invalid

_BEARER = SecurityScheme(
    type="http",
    scheme="bearer",
    description="A token of this network; docs/permissions.md says which role may use which route.",
)


def described_app(import_name: str) -> OpenAPI:
    """Return a new app that describes the routes which are registered with it."""
    app = OpenAPI(
        import_name,
        info={"title": "fednet", "version": version("fednet")},
        security_schemes={"token": _BEARER},
        openapi_extensions={"security": [{"token": []}]},
        validation_error_model=Problem,
        validation_error_callback=invalid,
        doc_ui=False,
        static_folder=None,
    )
    app.openapi_version = "3.1.0"  # the newest that other tools read well
    app.config["SWAGGER_CONFIG"] = {"validatorUrl": None}  # else the page asks a stranger's server
    app.register_blueprint(_description())
    app.register_blueprint(RegisterPlugin.register("../openapi.json"), url_prefix="/docs")
    _open_page(app)
    return app


def operation_id(*, bp_name: str, name: str, path: str, method: str) -> str:
    """Return the name of an operation for generated clients: its resource and its view, as in `sessions_start`."""
    del path, method
    return f"{bp_name}_{name.rstrip('_')}"


def _open_page(app: OpenAPI) -> None:
    """Open the routes of the page, which come from a library and state no permission."""
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith("swagger."):
            app.view_functions[endpoint] = open_to_all(partial(view))


def _description() -> Blueprint:
    """Return the routes of the document and of the page."""
    blueprint = Blueprint("description", __name__)

    @blueprint.get("/openapi.json")
    @open_to_all
    def document() -> Response:
        app = current_app
        assert isinstance(app, OpenAPI)
        return jsonify(told(app.api_doc))

    @blueprint.get("/docs")
    @open_to_all
    def page() -> Redirection:
        return redirect(url_for("swagger.swagger"))

    return blueprint

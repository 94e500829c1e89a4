"""The controller's REST API as a WSGI application."""

from importlib import import_module
from types import ModuleType

from flask import Flask
from flask_openapi.openapi import OpenAPI

from fednet.contract import RESOURCES

from .api import audit, auth, blobs, feed, health, helpers, keys, network, scraping, storage
from .api.access import check_access, record_beginning, record_outcome
from .api.allowed import tell_allowed
from .api.bodies import check_body
from .api.forwarding import forward
from .api.measured import begin_measuring, measure
from .api.openapi import described_app
from .api.problems import handle_problems
from .api.rates import check_rate
from .api.request_json import BoundedRequest
from .api.services import Services, Sessions, provide
from .api.streams import Streams
from .driven_elsewhere import DrivenElsewhere
from .facades import fedn

__all__ = ["Services", "Sessions", "app_of_routes", "create_app"]


def create_app(services: Services) -> Flask:
    """Return the REST API on top of these services."""
    app = app_of_routes()
    app.request_class = BoundedRequest
    provide(app.extensions, services)
    app.before_request(begin_measuring)
    for check in (check_access, check_body, check_rate, record_beginning):
        app.before_request(check)
    app.after_request(measure)
    app.after_request(record_outcome)
    app.after_request(tell_allowed)
    app.after_request(Streams().count)
    handle_problems(app)
    app.register_error_handler(DrivenElsewhere, forward)
    return app


def app_of_routes() -> OpenAPI:
    """Return an app with all routes and nothing behind them: enough to describe them."""
    app = described_app(__name__)
    others = (audit, auth, blobs, feed, health, helpers, keys, network, scraping, storage)
    for module in (*_resource_modules(), *others):
        app.register_api(module.api)
    fedn.serve(app)
    return app


def _resource_modules() -> list[ModuleType]:
    """Return the module of each declared resource, which has its name; parts are served by the module of the whole."""
    names = [each.name for each in RESOURCES if not each.part_of]
    return [import_module(f".api.{name}", __package__) for name in names]

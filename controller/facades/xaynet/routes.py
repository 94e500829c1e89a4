"""The five routes of Xaynet's participants, as an application of their own."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator

from flask import Blueprint, Flask, Response, current_app, request

from fednet.errors import FednetError, NotFound
from fednet.xaynet import HEADER_BYTES, KEY_BYTES, SEAL_BYTES

from ...rest.head import HEAD
from .coordinator import Coordinator

_BYTES = "application/octet-stream"
_EXTENSION = "xaynet"
routes = Blueprint("xaynet", __name__)


def create_app(coordinator: Coordinator, payload_bytes_max: int) -> Flask:
    """Return the application.

    Args:
        coordinator: Answers.
        payload_bytes_max: The size of the largest payload of a message.
    """
    app = Flask(__name__, static_folder=None)
    app.extensions[_EXTENSION] = coordinator
    app.config["MAX_CONTENT_LENGTH"] = SEAL_BYTES + HEADER_BYTES + payload_bytes_max
    app.register_blueprint(routes)
    app.register_error_handler(FednetError, _unavailable)
    return app


@routes.before_app_request
def _check_head() -> Response | None:
    """Let the body of a message come, if the server asks before it receives one."""
    check = request.environ.get(HEAD)
    if check is None or request.endpoint is None:
        return None
    check.admit(current_app.config["MAX_CONTENT_LENGTH"])
    return Response()


def _coordinator() -> Coordinator:
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, Coordinator)
    return found


def _unavailable(error: FednetError) -> Response:
    return Response(str(error), 503, mimetype="text/plain")


def _answer(document: bytes | Iterator[bytes] | None) -> Response:
    """Return a document; 204 if there is none."""
    return Response(status=204) if document is None else Response(document, mimetype=_BYTES)


@routes.post("/message")
def message() -> Response:
    """Take a message: always 200, as Xaynet's participants expect."""
    coordinator = _coordinator()
    with coordinator.turns:
        coordinator.receive(request.get_data(cache=False))
    return Response()


@routes.get("/params")
def params() -> Response:
    """Return the parameters of the round."""
    return _answer(_coordinator().parameters())


@routes.get("/sums")
def sums() -> Response:
    """Return the keys of the sum participants."""
    return _answer(_coordinator().sums())


@routes.get("/seeds")
def seeds() -> Response:
    """Return the seeds for the sum participant of the query's public key."""
    try:
        key = b64decode(request.args.get("pk", "").replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        return Response("pk is no public key in base64.", 400, mimetype="text/plain")
    return _answer(_coordinator().seeds(key))


@routes.get("/model")
def model() -> Response:
    """Return the newest model."""
    try:
        return _answer(_coordinator().model())
    except NotFound:  # a newer one has just taken its place
        return _answer(_coordinator().model())

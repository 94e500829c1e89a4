"""Answers refusals and faults as JSON with the fitting status."""

import logging
import uuid
from typing import Any, Literal

from flask import Flask, Response, jsonify
from flask_openapi.types import ResponseDict
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import HTTPException

from fednet.errors import FednetError, InvalidInput, Throttled

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """The JSON of a refusal or a fault."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    success: Literal[False] = False

    code: str
    """The kind of problem, for programs."""

    message: str
    """The problem and its solution, for people."""

    field: str | None = None
    """The invalid parameter or JSON field, if there is one."""


_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

REFUSALS: ResponseDict = {
    "4XX": {"description": "Refused.", "content": _CONTENT},
    "422": {"description": "A value is invalid; the answer names its field.", "content": _CONTENT},
    "5XX": {"description": "The controller or a store failed.", "content": _CONTENT},
}
"""The answers of any route other than its result, for the OpenAPI document."""


def handle_problems(app: Flask) -> None:
    """Answer every exception of a view."""
    app.register_error_handler(FednetError, refused)
    app.register_error_handler(ValidationError, invalid)
    app.register_error_handler(RecursionError, _too_deep)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def invalid(error: ValidationError) -> Response:
    """Return the answer to invalid values: 400 without a JSON object, else 422 with the field."""
    first = error.errors(include_input=False, include_url=False)[0]
    if not first["loc"]:
        return _no_json()
    field = ".".join(str(part) for part in first["loc"])
    # Pydantic puts words of its own before the message of our check, which is a sentence already.
    what = first["msg"].removeprefix("Value error, ").removesuffix(".")
    return _answer(InvalidInput(f"{field}: {what}.", field=field).to_dict(), 422)


def refused(error: FednetError) -> Response:
    """Return the answer to a request that is refused."""
    response = _answer(error.to_dict(), error.http_status)
    if response.status_code == 401:  # noqa: PLR2004 - the status that RFC 9110 asks for a challenge with
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Throttled):
        response.headers["Retry-After"] = "1"
    return response


def _too_deep(_error: RecursionError) -> Response:
    return _no_json()


def _no_json() -> Response:
    message = "Send a JSON object, with the header `Content-Type: application/json`."
    return refused(InvalidInput(message))


def _http(error: HTTPException) -> Response:
    code = error.name.lower().replace(" ", "_")
    response = _answer(
        Problem(code=code, message=error.description or error.name).model_dump(exclude_none=True),
        error.code or 500,
    )
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    incident = str(uuid.uuid4())
    _log.error("incident %s", incident, exc_info=error)
    message = f"The controller failed, not your request. Its log tells more under {incident}."
    return _answer(FednetError(message).to_dict(), 500)


def _answer(body: dict[str, Any], status: int) -> Response:
    response = jsonify(body)
    response.status_code = status
    return response

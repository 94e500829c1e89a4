"""Every refusal and every fault as JSON, with a status that tells the truth."""

import logging
import uuid
from typing import Any, Literal

from flask import Flask, Response, jsonify
from flask_openapi.types import ResponseDict
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import HTTPException

from fednet.errors import FednetError, InvalidInput

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """What is answered in place of a result."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    success: Literal[False] = False

    code: str
    """The kind of problem, for programs."""

    message: str
    """What is wrong and what to do, for people."""

    field: str | None = None
    """The parameter or JSON field at fault, if one is."""


_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

REFUSALS: ResponseDict = {
    "4XX": {"description": "Refused.", "content": _CONTENT},
    "422": {"description": "A value is wrong; its field is named.", "content": _CONTENT},
    "5XX": {"description": "The controller or a store failed.", "content": _CONTENT},
}
"""What any route may answer in place of its result, for the API's description of itself."""


def handle_problems(app: Flask) -> None:
    """Answer everything that a view may raise."""
    app.register_error_handler(FednetError, refused)
    app.register_error_handler(ValidationError, invalid)
    app.register_error_handler(RecursionError, _too_deep)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def invalid(error: ValidationError) -> Response:
    """The answer to wrong values: 400 where there is no JSON object, else 422 with the field."""
    first = error.errors(include_input=False, include_url=False)[0]
    if not first["loc"]:
        return _no_json()
    field = ".".join(str(part) for part in first["loc"])
    # What a check of ours says comes with pydantic's words before it, and is a sentence already.
    what = first["msg"].removeprefix("Value error, ").removesuffix(".")
    return _answer(InvalidInput(f"{field}: {what}.", field=field).to_dict(), 422)


def refused(error: FednetError) -> Response:
    """Return the answer to a request that is refused."""
    response = _answer(error.to_dict(), error.http_status)
    if response.status_code == 401:  # noqa: PLR2004 - the status that RFC 9110 asks for a challenge with
        response.headers["WWW-Authenticate"] = "Bearer"
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

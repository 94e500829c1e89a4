"""The JSON of requests: bounded in depth and number, with values that every store takes."""

from typing import Any

from flask import Request, json

from fednet.errors import InvalidInput
from fednet.json_values import strictly_parsed


class RequestJson:
    """Reads and writes JSON for `BoundedRequest`."""

    @staticmethod
    def loads(text: str | bytes, **_options: Any) -> Any:
        """Parse the body of a request.

        Raises:
            InvalidInput: It is no JSON that can be stored; says why.
        """
        try:
            return strictly_parsed(text)
        except ValueError as error:
            raise InvalidInput(
                f"The body is not valid JSON: {error}. Send a JSON object, with the header "
                "`Content-Type: application/json`."
            ) from error

    dumps = staticmethod(json.dumps)


class BoundedRequest(Request):
    """A request whose JSON body is refused if it is nested too deep, has too many values, or a name twice."""

    @property
    def json_module(self) -> Any:
        """The JSON of requests."""
        return RequestJson

    @json_module.setter
    def json_module(self, _of_the_app: Any) -> None:
        """Keep the JSON of requests: Flask gives each one that of the app, which answers are written with."""

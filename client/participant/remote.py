"""The five routes of a coordinator; every failure is an error of fednet."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fednet import limits
from fednet.addresses import split_addresses
from fednet.environment import tls_from_environment
from fednet.errors import InvalidInput, LimitExceeded, NotFound
from fednet.http_attempts import Attempts
from fednet.http_errors import errors_of_fednet, refusal
from fednet.xaynet import (
    RoundParameters,
    model_from_bytes,
    seed_dictionary_from_bytes,
    sum_dictionary_from_bytes,
)

if TYPE_CHECKING:
    import requests
    from numpy.typing import NDArray

_OK: Final = 200
_NO_CONTENT: Final = 204


class RemoteCoordinator:
    """A coordinator that speaks Xaynet's wire, fednet's or Xaynet's own.

    Args:
        url: Its address, or those of several controllers, separated by commas. FEDNET_CA, FEDNET_CERTIFICATE and
            FEDNET_CERTIFICATE_KEY name the files of TLS.

    Raises:
        InvalidInput: The address is none, or a file of TLS cannot be used.
    """

    def __init__(self, url: str) -> None:
        addresses = split_addresses(str(url), "coordinator_url")
        for address in addresses:
            _check(address)
        tls = tls_from_environment()
        tls.check()
        self._attempts = Attempts(
            addresses,
            lambda request: request,
            verify=True,
            retries_max=0,
            tls=tls,
            on_retry=lambda: None,
        )

    def parameters(self) -> RoundParameters:
        """Return the parameters of the present round.

        Raises:
            FednetError: The coordinator does not answer, or its answer cannot be used.
        """
        document = self._get("/params", limits.participant_document_bytes_max)
        if document is None:
            raise NotFound("The coordinator has no round yet.")
        parameters = RoundParameters.from_bytes(document)
        _check_usable(parameters)
        return parameters

    def sums(self) -> dict[bytes, bytes] | None:
        """Return the keys of the sum participants; None if they are not known.

        Raises:
            FednetError: As `parameters`.
        """
        document = self._get("/sums", limits.participant_document_bytes_max)
        return None if document is None else sum_dictionary_from_bytes(document)

    def seeds(self, participant: bytes) -> dict[bytes, bytes] | None:
        """Return the sealed seeds for a sum participant; None if they are not known.

        Args:
            participant: Its public key.

        Raises:
            FednetError: As `parameters`.
        """
        query = {"pk": base64.b64encode(participant).decode()}
        document = self._get("/seeds", limits.participant_document_bytes_max, query)
        return None if document is None else seed_dictionary_from_bytes(document)

    def model(self, parameters: RoundParameters) -> NDArray[Any] | None:
        """Return the global model, of shape (n,); None if there is none yet.

        Args:
            parameters: Those of the round, which have its dtype and length.

        Raises:
            InvalidInput: The document has another dtype or length.
            FednetError: The coordinator does not answer.
        """
        document = self._get("/model", _model_bytes_max(parameters))
        if document is None:
            return None
        return model_from_bytes(document, parameters.config, parameters.model_length)

    def deliver(self, message: bytes) -> None:
        """Send a sealed message; the coordinator does not tell if it counts.

        Raises:
            FednetError: The coordinator does not answer, or refuses the message as a whole.
        """
        seconds = limits.transfer_idle_seconds_max + len(message) / limits.checked_bytes_per_second
        headers = {"Content-Type": "application/octet-stream"}
        with self._attempts.send(
            "POST", "/message", seconds, data=message, headers=headers
        ) as response:
            if response.status_code != _OK:
                raise refusal(response)

    def close(self) -> None:
        """Close the connections."""
        self._attempts.close()

    def _get(self, path: str, bytes_max: int, query: dict[str, str] | None = None) -> bytes | None:
        with self._attempts.send(
            "GET", path, limits.call_seconds_max, may_overlap=True, params=query, stream=True
        ) as response:
            if response.status_code == _NO_CONTENT:
                return None
            if response.status_code != _OK:
                raise refusal(response)
            return _read(response, bytes_max)


def _read(response: requests.Response, bytes_max: int) -> bytes:
    data = bytearray()
    with errors_of_fednet(response.url):
        for chunk in response.iter_content(limits.chunk_bytes):
            data += chunk
            if len(data) > bytes_max:
                raise LimitExceeded(f"{response.url} answers with more than {bytes_max} bytes.")
    return bytes(data)


def _check(address: str) -> None:
    try:
        parts = urlsplit(address)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise InvalidInput(
            f"Invalid coordinator_url {address!r}: write a URL such as http://127.0.0.1:8081.",
            field="coordinator_url",
        )


def _check_usable(parameters: RoundParameters) -> None:
    """Check that the values of a round's parameters make sense."""
    probabilities = (parameters.sum_probability, parameters.update_probability)
    if not all(math.isfinite(each) for each in probabilities):
        raise InvalidInput(f"The coordinator's probabilities are {probabilities}.")
    if not 1 <= parameters.model_length <= limits.xaynet_weights_max:
        raise InvalidInput(f"The coordinator's model has {parameters.model_length} weights.")


def _model_bytes_max(parameters: RoundParameters) -> int:
    """Return a size that no document of a model exceeds: of each ratio, two integers of twice the order."""
    integer_bytes = 16 + 2 * parameters.config.element_bytes
    return 16 + 2 * integer_bytes * parameters.model_length

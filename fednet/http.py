"""Calls to the REST API of a network's controllers, with time-outs and retries; all errors are fednet's.

`fednet.http_attempts` repeats calls, and explains why that is safe for every verb.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from fednet import limits
from fednet.addresses import split_addresses
from fednet.digests import Digest, RunningDigest
from fednet.errors import InvalidInput, TransferCorrupted, Unavailable
from fednet.files import whole_file
from fednet.http_attempts import Attempts
from fednet.http_errors import errors_of_fednet, refusal
from fednet.tls import PUBLIC_CA, CallerTLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    import requests

MEDIA_TYPE: Final = "application/vnd.fednet+json"
"""Asks for an answer in fednet's own words; the answer itself is plain `application/json`."""


class Http:
    """The connection to one network: to the first of its controllers that answers, until that one is away.

    Args:
        api_url: The controller's address, such as http://127.0.0.1:8092, or those of several, separated by commas.
        token: The token of the calls, or a function that returns the newest one.
        auth_scheme: The word before the token in the Authorization header.
        verify: Check the server's certificate (https only).
        retries_max: The number of further attempts at each address; 0 for a caller that pauses by itself.
        tls: The files of the caller (https only). They are not checked here: a call is Unavailable while one cannot be
            used, because another process may be replacing it.
        on_retry: Called before each repetition of a call.

    Attributes:
        api_url: The addresses, separated by commas.
        on_transfer: Is called during a transfer with the number of transferred bytes and of all bytes.

    Raises:
        InvalidInput: The token has invalid characters, or there is no address.
    """

    on_transfer: Callable[[int, int], None] = staticmethod(lambda _done, _total: None)

    def __init__(
        self,
        api_url: str,
        token: str | Callable[[], str] | None,
        auth_scheme: str = "Bearer",
        *,
        verify: bool = True,
        retries_max: int = limits.retry_attempts_max,
        tls: CallerTLS = PUBLIC_CA,
        on_retry: Callable[[], None] = lambda: None,
    ) -> None:
        addresses = split_addresses(api_url)
        self.api_url = ",".join(addresses)
        if isinstance(token, str) and not (token.isascii() and token.isprintable()):
            raise InvalidInput(
                "The token contains characters that no token has; copy it again.", field="token"
            )
        self._token = token
        self._auth_scheme = auth_scheme
        self._attempts = Attempts(
            addresses,
            self._complete,
            verify=verify,
            retries_max=retries_max,
            tls=tls,
            on_retry=on_retry,
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        content: bytes | None = None,
        seconds: float = limits.call_seconds_max,
        waits: float = 0.0,
        may_overlap: bool = False,
    ) -> Any:
        """Return the server's answer, which is JSON.

        Args:
            method: GET, POST, PUT or DELETE.
            path: Below the server's address.
            query: The parameters of the URL; None values are left out.
            headers: Headers in addition to the token.
            body: A value to send as JSON.
            content: Bytes to send instead of JSON.
            seconds: The time that the server may take.
            waits: The further time that the server is asked to wait, in seconds.
            may_overlap: Ask the next controller while one still works on the call. A GET always does, unless it has
                more than the usual time.

        Raises:
            FednetError: The server's refusal, Unavailable or DeadlineExceeded.
        """
        options = {**(_json_body(body) if content is None else _raw_body(content)), "params": query}
        options["headers"] = {**options.get("headers", {}), **(headers or {})}
        overlaps = may_overlap or (method == "GET" and seconds <= limits.call_seconds_max)
        response = self._attempts.send(
            method, path, seconds, waits=waits, may_overlap=overlaps, **options
        )
        return _json(response)

    def create(self, path: str, body: Any) -> dict[str, Any]:
        """POST an object whose id the caller has made, so that it may be sent to two controllers at once.

        Returns:
            The answer as from `call`.

        Raises:
            FednetError: As from `call`.
        """
        return dict(self.call("POST", path, body=body, may_overlap=True))

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """Yield the answer to a GET in chunks of `limits.chunk_bytes` as they arrive.

        Raises:
            FednetError: The server's refusal, Unavailable or DeadlineExceeded; also during the iteration.
        """
        seconds = limits.transfer_idle_seconds_max
        options: dict[str, Any] = {"params": query, "headers": headers, "stream": True}
        with self._attempts.send("GET", path, seconds, **options) as response:
            if not response.ok:
                raise refusal(response)
            yield _chunks(response)

    def head(self, path: str) -> Mapping[str, str]:
        """Return the headers of the answer to a GET.

        Raises:
            FednetError: The server's refusal, Unavailable or DeadlineExceeded.
        """
        seconds = limits.call_seconds_max
        with self._attempts.send("HEAD", path, seconds, may_overlap=True) as response:
            if not response.ok:
                raise refusal(response)
            return response.headers

    def upload(self, path: str, file: Path, query: Mapping[str, Any]) -> dict[str, Any]:
        """Send a file as a stream of raw bytes, with its description in the query.

        Returns:
            The server's answer.

        Raises:
            FednetError: The server's refusal, InvalidInput for a file that cannot be read, Unavailable or
                DeadlineExceeded.
        """
        with _opened(file, self.on_transfer) as source:
            size_bytes = os.fstat(source.fileno()).st_size
            headers = {"Content-Type": "application/octet-stream"}
            seconds = (
                limits.transfer_idle_seconds_max + size_bytes / limits.checked_bytes_per_second
            )
            response = self._attempts.send(
                "POST", path, seconds, params=query, headers=headers, data=source
            )
        return dict(_json(response))

    def download(self, path: str, target: Path) -> dict[str, Any]:
        """Fetch a file as a stream; the target appears whole or not at all.

        Returns:
            success and message.

        Raises:
            FednetError: The server's refusal, InvalidInput for a target that cannot be written, TransferCorrupted for
                bytes that differ from the announced digest, Unavailable or DeadlineExceeded.
        """
        with self._attempts.send(
            "GET", path, limits.transfer_idle_seconds_max, stream=True
        ) as response:
            if not response.ok:
                raise refusal(response)
            with _written_whole(target) as file:
                announced = _announced_digest(response)
                digest = RunningDigest(announced.algorithm)
                for chunk in digest.passing(_chunks(response)):
                    file.write(chunk)
                    self.on_transfer(digest.size_bytes, announced.size_bytes)
                if digest.digest.text != announced.text:
                    raise _corrupted(response)
        return {"success": True, "message": f"Downloaded to {target}."}

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._attempts.close()

    def _complete(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token, as an `auth`, so that no ~/.netrc takes its place; and ask for fednet's own words."""
        request.headers["Accept"] = f"{MEDIA_TYPE}, */*"
        token = self._token() if callable(self._token) else self._token
        if token:
            request.headers["Authorization"] = f"{self._auth_scheme} {token}"
        return request


def _chunks(response: requests.Response) -> Iterator[bytes]:
    with errors_of_fednet(response.url):
        yield from response.iter_content(limits.chunk_bytes)


def _json_body(body: Any) -> dict[str, Any]:
    """Return the options for a request with this body; none for None."""
    if body is None:
        return {}
    try:
        data = json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"The values of the call are not JSON: {error}.") from error
    return {"data": data, "headers": {"Content-Type": "application/json"}}


def _raw_body(content: bytes) -> dict[str, Any]:
    return {"data": content, "headers": {"Content-Type": "application/octet-stream"}}


def _json(response: requests.Response) -> Any:
    """Return the JSON of the answer, or raise its refusal."""
    if not response.ok:
        raise refusal(response)
    try:
        return response.json()
    except ValueError as error:
        raise Unavailable(
            f"{response.url} did not answer with JSON. Is it the address of a fednet controller?"
        ) from error


class _Told(io.BufferedReader):
    """A file that reports its progress while it is read; a retry begins at 0."""

    def __init__(self, path: Path, on_read: Callable[[int, int], None]) -> None:
        super().__init__(io.FileIO(path), limits.chunk_bytes)
        self._on_read = on_read
        self._size_bytes = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1) -> bytes:
        piece = super().read(size)
        self._on_read(self.tell(), self._size_bytes)
        return piece


@contextmanager
def _opened(path: Path, on_read: Callable[[int, int], None]) -> Iterator[BinaryIO]:
    try:
        source = _Told(path, on_read)
    except OSError as error:
        raise InvalidInput(f"Cannot read {path}: {error.strerror}.", field="path") from error
    with source:
        yield source


@contextmanager
def _written_whole(target: Path) -> Iterator[BinaryIO]:
    try:
        with whole_file(target, durable=True) as file:
            yield file
    except OSError as error:
        raise InvalidInput(f"Cannot write {target}: {error.strerror}.", field="path") from error


def _announced_digest(response: requests.Response) -> Digest:
    """Return the digest in the ETag, and the announced size."""
    headers = response.headers
    try:
        return Digest.read(
            headers.get("ETag", "").strip('"'), int(headers.get("Content-Length", 0))
        )
    except InvalidInput as error:
        raise _corrupted(response) from error


def _corrupted(response: requests.Response) -> TransferCorrupted:
    return TransferCorrupted(f"{response.url} sent bytes that differ from their digest. Try again.")

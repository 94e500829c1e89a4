"""Files to and from the object store directly, by URLs that the combiner provides one at a time.

An update is sent in parts, one PUT each; a file is fetched by a GET, after a break by a GET of the rest. An expired URL
is requested again. The combiner chooses every URL, but not the server: a URL of another address than that which the
controller has announced is refused, and no redirection is followed. A request carries no credentials: no token, and
none from a ~/.netrc. An error between this process and the store has the field `blob_store`.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self

from urllib3.util import parse_url

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.digests import Digest
from fednet.errors import PermissionDenied, TransferCorrupted, Unavailable
from fednet.http_pools import session, tls_options
from fednet.proxies import Proxy, http_proxy_of, proxies_of
from fednet.rpc._attempts import Progress, until_whole
from fednet.rpc._errors import rpc_errors
from fednet.rpc._transfer import Receiver, known_digest
from fednet.tls import PUBLIC_CA, CallerTLS, trust_advice
from fednet.wire import models_pb2

if TYPE_CHECKING:
    import requests

# The characters of a URL: RFC 3986, sections 2.1 to 2.3.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~%:/?#\[\]@!$&'()*+,;=-]+")


def upload_object(
    stub: Callable[[], Any],
    path: Path,
    task_id: str,
    *,
    stop: threading.Event,
    attempts_max: int = limits.transfer_attempts_max,
    store: str,
    digest: Digest | None = None,
    tls: CallerTLS = PUBLIC_CA,
) -> bool:
    """Put a file into the object store as the update of a task, and tell the combiner to take it from there.

    Args:
        stub: Returns the file service of the current connection; called for each attempt.
        path: The file.
        task_id: The task of the update.
        stop: Set it to give up.
        attempts_max: The largest number of failures in a row without progress.
        store: The announced address of the object store, `https://host:port`; "" if there is none.
        digest: The file's digest, if the caller knows it; else the file is read once more.
        tls: The files of the caller, for a store that speaks https.

    Returns:
        True if the file was sent; False if the network has no object store.

    Raises:
        InvalidInput: The file cannot be read.
        FednetError: The update was refused, or failed too many times without progress.
    """
    whole = known_digest(path, digest)
    announced = {"task_id": task_id, "size_bytes": whole.size_bytes, "digest": whole.text}
    with path.open("rb") as file, _ObjectStore(store, stop, tls) as opened:
        sending = _Upload(opened, file, announced)

        def attempt(progress: Progress) -> bool:
            progress.reached(len(sending.etags))
            return sending.attempt(stub())

        return until_whole(attempt, stop, attempts_max)


def download_object(
    stub: Callable[[], Any],
    ref: BlobRef,
    path: Path,
    *,
    stop: threading.Event,
    attempts_max: int = limits.transfer_attempts_max,
    store: str,
    tls: CallerTLS = PUBLIC_CA,
) -> bool:
    """Fetch a model or package from the object store; resume where an earlier attempt broke off.

    Args:
        stub: Returns the file service of the current connection; called for each attempt.
        ref: The model or package.
        path: The target; its folder exists.
        stop: Set it to give up.
        attempts_max: The largest number of failures in a row without progress.
        store: The announced address of the object store, `https://host:port`; "" if there is none.
        tls: The files of the caller, for a store that speaks https.

    Returns:
        True if the file was fetched; False if the network has no object store.

    Raises:
        FednetError: The download was refused, or failed too many times without progress.
    """
    request = models_pb2.DownloadRequest(kind=ref.kind, id=ref.id)

    def attempt(progress: Progress) -> bool:
        url = stub().LocateDownload(request, timeout=limits.call_seconds_max).url
        if not url:
            return False
        offset = Receiver.offset_of(path)
        progress.reached(offset)
        with Receiver(path, ref.digest, offset) as receiver:
            if offset < ref.digest.size_bytes:
                for data in opened.get(url, offset):
                    receiver.write(data)
            receiver.finish()
        return True

    with _ObjectStore(store, stop, tls) as opened:
        return until_whole(attempt, stop, attempts_max)


class _Upload:
    """An update on its way; parts that have arrived are kept for the next attempt."""

    def __init__(self, store: _ObjectStore, file: BinaryIO, announced: dict[str, Any]) -> None:
        self._store = store
        self._file = file
        self._announced = announced
        self._is_sent = False
        self.etags: list[str] = []

    def attempt(self, models: Any) -> bool:
        """Send the missing parts and complete the upload; return False if there is no object store."""
        try:
            with rpc_errors():
                return self._send(models) and self._complete(models)
        except TransferCorrupted:  # the sent parts are lost
            self._is_sent = False
            self.etags.clear()
            raise

    def _send(self, models: Any) -> bool:
        while not self._is_sent:
            part = models_pb2.PartRequest(
                task_id=self._announced["task_id"],
                size_bytes=self._announced["size_bytes"],
                number=len(self.etags) + 1,
            )
            place = models.LocatePart(part, timeout=limits.call_seconds_max)
            if not place.url:
                return False
            self.etags.append(self._store.put(self._file, place))
            self._is_sent = place.is_last
        return True

    def _complete(self, models: Any) -> bool:
        models.CompleteUpload(models_pb2.UploadedParts(**self._announced, etags=self.etags))
        return True


class _ObjectStore:
    """The HTTP client for the announced server."""

    def __init__(self, announced: str, stop: threading.Event, tls: CallerTLS) -> None:
        self._announced = announced
        self._stop = stop
        self._tls = tls

    def __enter__(self) -> Self:
        self._session = session(lambda request: request)  # the URL is the only credential
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def put(self, file: BinaryIO, place: models_pb2.PartLocation) -> str:
        """Put a part of a file, and return its ETag.

        Raises:
            Unavailable: The store does not take it.
        """
        part = _Part(file, place.offset_bytes, place.size_bytes, self._stop)
        with self._answer("PUT", place.url, data=part if place.size_bytes else b"") as answer:
            return answer.headers.get("ETag", "")

    def get(self, url: str, offset: int) -> Iterator[bytes]:
        """Yield the rest of an object in pieces.

        Raises:
            Unavailable: The store does not give it.
        """
        headers = {"Range": f"bytes={offset}-", "Accept-Encoding": "identity"}
        with self._answer("GET", url, headers=headers, stream=True) as answer:
            if offset and "Content-Range" not in answer.headers:
                raise Unavailable(
                    "The object store does not serve ranges: use another S3 server.",
                    field="blob_store",
                )
            for data in answer.iter_content(limits.chunk_bytes):
                _go_on_unless(self._stop)
                yield data

    @contextlib.contextmanager
    def _answer(self, method: str, url: str, **options: Any) -> Iterator[requests.Response]:
        self._check(url)
        seconds = (limits.object_connect_seconds_max, limits.object_idle_seconds_max)
        place = parse_url(url).netloc or ""
        with (
            _store_errors(place, http_proxy_of(url)),
            self._session.request(
                method,
                url,
                timeout=seconds,
                proxies=proxies_of(url),
                allow_redirects=False,
                **tls_options(self._tls),
                **options,
            ) as answer,
        ):
            if answer.status_code not in {200, 206}:
                raise Unavailable(
                    f"The object store at {place} refuses with status {answer.status_code}: the URL has "
                    "expired, the object does not exist, or another server answers at this address.",
                    field="blob_store",
                )
            yield answer

    def _check(self, url: str) -> None:
        """Refuse a URL of another server than the announced one.

        Raises:
            PermissionDenied: It is one; the message shows only its place.
        """
        origin = _origin(url)
        if not origin or origin != _origin(self._announced):
            raise PermissionDenied(
                f"The combiner names the object store {origin or 'by an invalid URL'}, but the controller has "
                f"announced {self._announced or 'none'}: give both the same blob_store.",
                field="blob_store",
            )


def _origin(url: str) -> str:
    r"""Return scheme, host and port of a URL, as the library that sends the request reads them; "" for an invalid one.

    Other characters than those of RFC 3986 are invalid, because parsers disagree on them: `https://a\@b/` is at a for
    one and at b for another.
    """
    if not _PLAIN.fullmatch(url):
        return ""
    try:
        parts = parse_url(url)
    except ValueError:  # urllib3's LocationParseError is one
        return ""
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme or "")
    return f"{parts.scheme}://{parts.host}:{port}" if port else ""


@contextlib.contextmanager
def _store_errors(place: str, proxy: Proxy | None) -> Iterator[None]:
    """Map errors of the block to ours; the message shows only the place of a URL, because a URL is a credential."""
    from requests import exceptions

    try:
        yield
    except exceptions.SSLError as error:
        raise Unavailable(
            f"The object store at {place} does not speak https, or its certificate is not trusted here: correct "
            f"secure= and public= in the URL of the blob store. {trust_advice(place)}",
            field="blob_store",
        ) from error
    except exceptions.RequestException as error:
        said = f"The object store at {place} does not answer ({type(error).__name__})."
        raise Unavailable(f"{said} {proxy}" if proxy else said, field="blob_store") from error


class _Part:
    """A range of a file, as `requests` sends it: with a known length, and never whole in memory."""

    def __init__(self, file: BinaryIO, offset: int, size: int, stop: threading.Event) -> None:
        file.seek(offset)
        self._file = file
        self._left = self._size = size
        self._stop = stop

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(limits.chunk_bytes), b"")

    def read(self, size: int = -1) -> bytes:
        _go_on_unless(self._stop)
        data = self._file.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data


def _go_on_unless(stop: threading.Event) -> None:
    if stop.is_set():
        raise Unavailable("The transfer was cancelled.")

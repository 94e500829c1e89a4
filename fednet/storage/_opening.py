"""Opens the store at a URL: each scheme names a module, which is imported only when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fednet.errors import InvalidInput, MissingExtra
from fednet.storage._controller_blobs import ControllerBlobs
from fednet.storage._redaction import redacted
from fednet.storage._s3_address import address_of
from fednet.tls import PUBLIC_CA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fednet.http import Http
    from fednet.storage._blobs import Blobs
    from fednet.storage._documents import Collection, Documents
    from fednet.tls import CallerTLS


CONTROLLER: Final = "controller://"


class _Backend(NamedTuple):
    module: str
    extra: str | None = None  # the extra of fednet that installs the driver


_state_stores: Final = {
    "memory": _Backend("fednet.storage._memory_documents"),
    "mongodb": _Backend("fednet.storage._mongodb", extra="mongodb"),
    "mongodb+srv": _Backend("fednet.storage._mongodb", extra="mongodb"),
    "postgresql": _Backend("fednet.storage._postgresql", extra="postgresql"),
    "postgresql+psycopg": _Backend("fednet.storage._postgresql", extra="postgresql"),
    "sqlite": _Backend("fednet.storage._sqlite", extra="controller"),
}
_blob_stores: Final = {
    "file": _Backend("fednet.storage._directory"),
    "memory": _Backend("fednet.storage._memory_blobs"),
    "s3": _Backend("fednet.storage._s3", extra="s3"),
}


def open_documents(url: str, collections: Sequence[Collection]) -> Documents:
    """Open the state store at a URL: `sqlite:////absolute/state.db`, `postgresql://…`, `mongodb://…`.

    `memory://` is a new store, which ends with this process.

    Args:
        url: The store's address.
        collections: The collections of the store; all processes that open it declare the same ones.

    Raises:
        InvalidInput: The URL is not that of a state store.
        MissingExtra: The scheme's driver is not installed.
        FailedPrecondition: A newer version of fednet has written the store, or the store is damaged.
        Unavailable: The store does not answer.
    """
    opened: Documents = _backend(url, _state_stores, "state_store").open_documents(url, collections)
    return opened


def open_blobs(url: str, controller: Http | None = None, tls: CallerTLS = PUBLIC_CA) -> Blobs:
    """Open the blob store at a URL: `file:///absolute/folder`, `s3://…`, or a new store at `memory://`.

    Args:
        url: The store's address; `controller://` is the blob store of a network, through its controller.
        controller: The connection to that controller, with a combiner's token; only combiners have it.
        tls: The files of a caller, for a server that speaks https.

    Raises:
        InvalidInput: The URL is not that of a blob store.
        MissingExtra: The scheme's driver is not installed.
        FailedPrecondition: The store refuses; the message says what to do.
        Unavailable: The store does not answer.
    """
    if url == CONTROLLER and controller is not None:
        return ControllerBlobs(controller)
    backend = _backend(url, _blob_stores, "blob_store")
    opened: Blobs = backend.open_blobs(url, tls) if is_server(url) else backend.open_blobs(url)
    return opened


def is_server(url: str | None) -> bool:
    """Return True if the URL is that of a server, which combiners reach as their controller does."""
    return url is not None and url.startswith("s3://")


def object_store_of(url: str) -> str:
    """Return the address at which clients reach the object store of this URL, `https://host:port`; "" for other stores.

    Raises:
        InvalidInput: The URL is not that of a blob store.
    """
    if not is_server(url):
        return ""
    address = address_of(url)
    return address.public or address.url


def _backend(url: str, backends: Mapping[str, _Backend], field: str) -> Any:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in backends:
        known = ", ".join(f"{name}://" for name in backends)
        raise InvalidInput(
            f"The {field} {redacted(url)!r} must begin with one of: {known}.", field=field
        )
    backend = backends[scheme]
    try:
        return import_module(backend.module)
    except ModuleNotFoundError as error:
        if backend.extra is None:
            raise
        raise MissingExtra(
            f"A {field} at {scheme}:// needs {error.name}: pip install 'fednet[{backend.extra}]'.",
            field=field,
        ) from error

"""Connections that detect an answer that is cut off inside its headers.

The standard library treats the end of a connection as the end of the headers: half an answer would pass for a whole one
without a body. These connections are for urllib3's pools, which `requests` and the S3 client use.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from fednet.tls import CallerTLS

Authorize: TypeAlias = "Callable[[requests.PreparedRequest], requests.PreparedRequest]"


class _Lines:
    """The bytes that arrive on a connection; a line without an end is an error."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readline(self, limit: int = -1) -> bytes:
        line = bytes(self._file.readline(limit))
        if not line.endswith(b"\n"):
            raise http.client.IncompleteRead(line)
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Response(http.client.HTTPResponse):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fp: Any = _Lines(self.fp)


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


POOL_CLASSES: Final = {"http": _Pool, "https": _SecurePool}
"""The pools for `PoolManager.pool_classes_by_scheme`."""


def session(authorize: Authorize) -> requests.Session:
    """Return a session of `requests` over such connections, without retries.

    Args:
        authorize: Gets every request, so that no ~/.netrc adds credentials.
    """
    import requests
    from requests.adapters import HTTPAdapter

    made = requests.Session()
    made.auth = authorize
    adapter = HTTPAdapter()
    adapter.poolmanager.pool_classes_by_scheme = POOL_CLASSES
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    return made


def tls_options(tls: CallerTLS, *, verify: bool = True) -> dict[str, Any]:
    """Return the options of `requests` for the files of a caller; each new connection reads the files again.

    Args:
        tls: The files.
        verify: Check the servers' certificates.
    """
    options: dict[str, Any] = {"verify": str(tls.ca) if verify and tls.ca else verify}
    if tls.certificate and tls.key:
        options["cert"] = (str(tls.certificate), str(tls.key))
    return options

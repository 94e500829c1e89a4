"""A request of the event loop as the WSGI environment of a view."""

from __future__ import annotations

import io
import sys
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from fednet.addresses import plain_ip

_OF_PROXIES: Final = (b"forwarded", b"x-forwarded-")


def environ_of(
    scope: dict[str, Any], body: io.BufferedIOBase, *, behind_proxy: bool = False
) -> dict[str, Any]:
    """Return the WSGI environment of a request, as PEP 3333 defines it.

    Args:
        scope: The request, as ASGI describes it.
        body: Its body.
        behind_proxy: Keep what a proxy says of the caller; otherwise anybody could say it.
    """
    server, client = scope["server"] or ("", 0), scope["client"] or ("", 0)
    path = scope["raw_path"].decode("ascii")
    query = scope["query_string"].decode("latin-1")
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "REQUEST_URI": f"{path}?{query}" if query else path,
        "QUERY_STRING": query,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": plain_ip(client[0]),
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" not in name and (behind_proxy or not name.startswith(_OF_PROXIES)):
            _add(environ, name.decode("latin-1"), value.decode("latin-1"))
    return environ


def _add(environ: dict[str, Any], name: str, value: str) -> None:
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    environ[key] = f"{environ[key]},{value}" if key in environ else value

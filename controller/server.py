"""A controller with its own REST server."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import WSGIApplication

from fednet import limits
from fednet.addresses import is_wildcard, join_address, local_url
from fednet.errors import Unavailable
from fednet.identity import write_local_network
from fednet.own_address import advertised_host
from fednet.processes import descriptors_for
from fednet.settings import ControllerSettings
from fednet.tls import CallerTLS, ServerFiles

from .assembly import Assembly, assembled
from .name_lock import NameLock
from .presence import Presence
from .rest.connections import Connections
from .rest.server import serving
from .sessions.engine.engine import Engine


@dataclass
class Controller:
    """A controller that runs in threads of this process.

    Attributes:
        api_url: The address of its REST API.
        token: The admin token.
        presence: The connected combiners and clients.
        xaynet_url: The address for participants of Xaynet; None if it does not serve them.
        is_stopped: True if `stop` has been called.
    """

    api_url: str
    token: str = field(repr=False)
    presence: Presence
    _engine: Engine
    _open: contextlib.ExitStack
    xaynet_url: str | None = None
    is_stopped: bool = False

    @classmethod
    def start(cls, settings: ControllerSettings) -> Controller:
        """Open the stores, resume unfinished sessions and serve; a failed start leaves nothing open.

        Raises:
            Unavailable: The port is taken, or a store does not answer.
            FailedPrecondition: The data folder belongs to a newer version, or cannot be written.
        """
        with contextlib.ExitStack() as to_close:
            listening = to_close.enter_context(listen(settings.host, settings.port))
            name_lock = NameLock.take(settings.data_dir, settings.name)
            to_close.callback(name_lock.release)
            port = listening.getsockname()[1]
            address = announced_url(settings, port)
            parts = to_close.enter_context(assembled(settings, address, name_lock))
            to_close.enter_context(serving_controller(parts.app, listening, settings))
            xaynet_url = to_close.enter_context(serving_xaynet(parts, settings))
            api_url = local_url(settings.host, port, tls=settings.server_tls is not None)
            leave_word(settings, name_lock.announce(api_url), parts.token)
            return cls(
                api_url, parts.token, parts.presence, parts.engine, to_close.pop_all(), xaynet_url
            )

    def stop(self) -> None:
        """Suspend the sessions, stop serving, and close the stores."""
        self.is_stopped = True
        self._engine.close()
        self._open.close()


def announced_url(settings: ControllerSettings, port: int) -> str:
    """Return the address at which other controllers reach a controller that listens on a port."""
    scheme = "https" if settings.announces_tls else "http"
    host = advertised_host(settings.host, settings.advertise_host)
    return f"{scheme}://{join_address(host, settings.advertise_port or port)}"


def leave_word(settings: ControllerSettings, api_url: str, token: str) -> None:
    """Write the addresses and the token for this machine into the data folder.

    Raises:
        FailedPrecondition: The data folder cannot be written.
    """
    write_local_network(settings.data_dir, api_url, token, CallerTLS(settings.ca))


@contextlib.contextmanager
def serving_xaynet(parts: Assembly, settings: ControllerSettings) -> Iterator[str | None]:
    """Coordinate participants of Xaynet while the block lasts, if the settings have a port for them; give its URL.

    Raises:
        InvalidInput: Their configuration is wrong.
        MissingExtra: PyNaCl is not installed.
        Unavailable: The port is taken.
    """
    if settings.xaynet_port is None or settings.xaynet_config is None:
        yield None
        return
    from .facades import xaynet

    services = parts.services
    ports = xaynet.CoordinatorPorts(
        services.records.documents, services.blobs, parts.leases, services.catalog
    )
    with (
        listen(settings.host, settings.xaynet_port, "xaynet_port") as listening,
        xaynet.coordinating(settings.xaynet_config, ports) as app,
        serving_controller(app, listening, settings, servers=2),
    ):
        port = listening.getsockname()[1]
        yield local_url(settings.host, port, tls=settings.server_tls is not None)


def serving_controller(
    app: WSGIApplication, listening: socket.socket, settings: ControllerSettings, servers: int = 1
) -> AbstractContextManager[Callable[[], None]]:
    """Serve a controller's REST API while the block lasts, with as many connections as its settings allow.

    The block gets a function that begins the end; see `serving`.

    Args:
        app: The REST API.
        listening: A socket that listens; closed at the end.
        settings: The controller's settings.
        servers: The number of servers that share the file descriptors of this process.
    """
    connections = Connections(
        descriptors_for(settings.connections_max, "connections_max") // servers,
        settings.address_connections_max,
    )
    tls = settings.server_tls
    return serving(
        app,
        listening,
        settings.threads,
        connections,
        checks_heads=True,
        behind_proxy=settings.behind_proxy,
        files=ServerFiles(tls) if tls else None,
        drain_seconds=settings.drain_seconds,
    )


def listen(host: str, port: int, field: str = "port") -> socket.socket:
    """Return a listening socket; port 0 picks a free one.

    Args:
        host: A name or an address of this machine; `::` stands for all addresses, of IPv4 too.
        port: The port.
        field: The setting of the port.

    Raises:
        Unavailable: The port is taken, or this machine does not have the host.
    """
    try:
        family = _family_of(host, port)
        return socket.create_server(
            (host, port),
            family=family,
            backlog=limits.rest_backlog_connections,
            dualstack_ipv6=family == socket.AF_INET6 and is_wildcard(host),
        )
    except OSError as error:
        raise Unavailable(
            f"Cannot listen on {join_address(host, port)}: {error.strerror}. "
            f"Choose another port with --{field.replace('_', '-')}, or 0 for a free one; or another --host.",
            field=field,
        ) from error


def _family_of(host: str, port: int) -> socket.AddressFamily:
    """Return IPv4 for a name that has both; raise an OSError if it has neither."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return min(each[0] for each in found)


def serve(
    settings: ControllerSettings, on_ready: Callable[[dict[str, Any]], None], stop: threading.Event
) -> None:
    """Run a controller until `stop` is set.

    Args:
        settings: Its settings.
        on_ready: Called with {"api_url", "token"}, and "xaynet_url" if it has one, once it answers.
        stop: Set it from any thread to end.

    Raises:
        FednetError: It cannot start.
    """
    controller = Controller.start(settings)
    try:
        ready = {"api_url": controller.api_url, "token": controller.token}
        if controller.xaynet_url:
            ready["xaynet_url"] = controller.xaynet_url
        on_ready(ready)
        stop.wait()
    finally:
        controller.stop()

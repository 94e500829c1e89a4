"""The networks that rows need: with two controllers, with servers as stores."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers.postgresql import PostgreSqlServer
from servers.s3 import S3Server

from fednet.testing import FaultProxy

from .network import ProcessNetwork


@dataclass(frozen=True)
class Store:
    """A server of a store, as one that faults may end and start again."""

    kill: Callable[[], None]
    start: Callable[[], None]


@contextlib.contextmanager
def stage(
    victim: str, folder: Path, conductor: str, server: Callable[[str], Any]
) -> Iterator[ProcessNetwork]:
    """Start the network in which a fault may strike the victim.

    Args:
        victim: Whom it strikes.
        folder: Where all keep their files.
        conductor: Where clients ask before they work.
        server: Returns a running server, by the name of its fixture.
    """
    with contextlib.ExitStack() as stack:
        links: dict[str, FaultProxy] = {}
        stores: dict[str, Store] = {}
        given: dict[str, Any] = {}
        match victim:
            case "driver":
                given = {"controllers": 2, "state_store": server("postgresql_server").new_store()}
            case "state store":
                postgresql: PostgreSqlServer = server("postgresql_server")
                host = f"127.0.0.1:{postgresql.port}"
                links[victim] = stack.enter_context(FaultProxy(host))
                url = postgresql.new_store().replace(host, links[victim].address)
                given = {"state_store": url}
                stores[victim] = Store(postgresql.crash, postgresql.process.start)
            case "object store":
                s3: S3Server = server("s3_server")
                links[victim] = stack.enter_context(FaultProxy(s3.host))
                given = {"blob_store": s3.url(s3.new_bucket(), host=links[victim].address)}
                stores[victim] = Store(s3.process.stop, s3.process.start)
        network = stack.enter_context(ProcessNetwork(folder, conductor, **given))
        network.links |= links
        network.processes |= stores
        yield network

"""A TCP proxy that imitates faults of networks: it cuts, stalls and refuses connections, and recovers."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Self

from fednet import limits
from fednet.addresses import join_address, split_address
from fednet.testing._loop import LoopThread


class FaultProxy:
    """A proxy between clients and a server, for the duration of its `with` block.

        with FaultProxy("127.0.0.1:12080") as proxy:
            channel = open_channel(proxy.address, token)
            proxy.cut_after(100_000)

    Up is the direction to the server, down is the direction to the clients. Every method may be called from any thread;
    its fault is in effect when it returns.

    Args:
        target: The server's address, `host:port`.
        host: The address to listen on.
        port: The port to listen on; 0 picks a free one.

    Attributes:
        address: The proxy's address, `host:port`.
        accepted: The number of connections that the proxy has accepted so far.
    """

    address: str
    accepted: int

    def __init__(self, target: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._target = target
        self._host = host
        self._port = port

    def __enter__(self) -> Self:
        self._loop = LoopThread("fault-proxy")
        self.accepted = 0
        self._faults = self._loop.call(_Faults)
        self._pairs: set[_Pair] = set()
        self._changed = self._loop.call(asyncio.Condition)
        self._server = self._loop.run(asyncio.start_server(self._serve, self._host, self._port))
        self.address = join_address(self._host, self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._close())
        self._loop.close()

    def cut(self) -> None:
        """Reset the current connections; serve new ones."""
        self._loop.call(self._cut)

    def cut_after(self, count_bytes: int) -> None:
        """Reset all connections after this number of further bytes, up and down together; only once."""
        self._loop.call(lambda: setattr(self._faults, "remaining_bytes", count_bytes))

    def stall(self, *, up: bool = True, down: bool = True) -> None:
        """Hold back all bytes, in one direction or both; connections stay open."""

        def hold() -> None:
            for flows, held in ((self._faults.up, up), (self._faults.down, down)):
                if held:
                    flows.clear()

        self._loop.call(hold)

    def refuse(self) -> None:
        """Reset all connections, and each new one at once."""

        def close_the_door() -> None:
            self._faults.refusing = True
            self._cut()

        self._loop.call(close_the_door)

    def restore(self) -> None:
        """Let all bytes pass again, also those that were held back."""
        self._loop.call(self._faults.clear)

    def wait_until_idle(self, seconds_max: float) -> bool:
        """Wait until no connection is open, or the time is over; return True if none is."""
        return self._loop.run(self._idle_within(seconds_max))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        host, port = split_address(self._target)
        try:
            server_reader, server_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()
            return
        pair = _Pair(writer, server_writer)
        self._pairs.add(pair)
        if self._faults.refusing:
            pair.cut()
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, server_writer, self._faults.up))
                pumps.create_task(self._pump(server_reader, writer, self._faults.down))
        except* OSError:
            pass
        finally:
            self._pairs.discard(pair)
            pair.cut()
            async with self._changed:
                self._changed.notify_all()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
    ) -> None:
        while data := await reader.read(64 * limits.KIB):
            await flows.wait()
            allowed = self._faults.spend(len(data))
            writer.write(data[:allowed])
            await writer.drain()
            if allowed < len(data) or self._faults.is_spent():
                self._faults.remaining_bytes = None
                self._cut()
        writer.write_eof()

    async def _idle_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: not self._pairs)
        return not self._pairs

    def _cut(self) -> None:
        for pair in list(self._pairs):
            pair.cut()

    async def _close(self) -> None:
        """End all connections, then the server: a connection that is just accepted would outlive a closed server."""
        self._faults.clear()
        self._faults.refusing = True
        self._cut()
        while others := asyncio.all_tasks() - {
            asyncio.current_task()
        }:  # the loop belongs to the proxy
            await asyncio.wait(others)
        self._server.close()
        await self._server.wait_closed()


@dataclass
class _Faults:
    """The current faults of the link."""

    up: asyncio.Event = field(default_factory=asyncio.Event)
    down: asyncio.Event = field(default_factory=asyncio.Event)
    refusing: bool = False
    remaining_bytes: int | None = None

    def __post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.up.set()
        self.down.set()
        self.refusing = False
        self.remaining_bytes = None

    def spend(self, count_bytes: int) -> int:
        """Return how many of these bytes may pass before the cut."""
        if self.remaining_bytes is None:
            return count_bytes
        allowed = min(count_bytes, self.remaining_bytes)
        self.remaining_bytes -= allowed
        return allowed

    def is_spent(self) -> bool:
        return self.remaining_bytes == 0


@dataclass(frozen=True, eq=False)
class _Pair:
    """The two connections of the proxy that form one link."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter

    def cut(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()

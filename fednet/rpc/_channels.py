"""Channels and servers: keepalive as the heartbeat, messages with a limit, a token on every call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import grpc

from fednet import limits
from fednet.addresses import host_of, is_loopback
from fednet.errors import Unavailable
from fednet.proxies import Proxy, grpc_proxy_of
from fednet.rpc._credentials import caller_credentials
from fednet.rpc._forks import allow_forks
from fednet.tls import CallerTLS


def channel_options(*, server: bool = False) -> list[tuple[str, int]]:
    """Return the gRPC options of both ends; keepalive detects a dead peer within half a minute."""
    options = [
        ("grpc.keepalive_time_ms", int(limits.keepalive_seconds * 1000)),
        ("grpc.keepalive_timeout_ms", int(limits.keepalive_answer_seconds_max * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.max_receive_message_length", limits.message_bytes_max),
        ("grpc.max_send_message_length", limits.message_bytes_max),
    ]
    if server:
        least = int(limits.keepalive_seconds * 1000 / 2)
        options += [
            ("grpc.http2.min_ping_interval_without_data_ms", least),
            ("grpc.so_reuseport", 0),
            ("grpc.server_handshake_timeout_ms", int(limits.first_message_seconds_max * 1000)),
            ("grpc.max_connection_idle_ms", int(limits.connection_idle_seconds_max * 1000)),
            ("grpc.max_concurrent_streams", limits.connection_streams_max),
            # Else gRPC buffers tens of megabytes for each upload that comes faster than it is written.
            ("grpc.http2.bdp_probe", 0),
            ("grpc.http2.lookahead_bytes", limits.upload_window_bytes),
        ]
    else:
        longest = int(limits.retry_seconds_max * 1000)
        options += [
            ("grpc.max_reconnect_backoff_ms", longest),
            ("grpc.initial_reconnect_backoff_ms", 100),
            # Else the channels of a process share one connection, whose streams the server bounds.
            ("grpc.use_local_subchannel_pool", 1),
        ]
    return options


TokenSource: TypeAlias = Callable[[], str]
"""Returns the token for a call that is made now."""


def open_channel(address: str, token: str | TokenSource, tls: CallerTLS | None = None) -> Channel:
    """Return a channel to `host:port` that adds the token to every call, and connects on the first one.

    Args:
        address: The address, `host:port`.
        token: The token of the calls, or the source of the newest one.
        tls: The files of a caller over TLS; None for a server that speaks no TLS.

    Raises:
        Unavailable: A file of `tls` cannot be used now.
    """
    return Channel(bare_channel(address, tls), token, grpc_proxy_of(address))


def bare_channel(address: str, tls: CallerTLS | None = None, name: str = "") -> grpc.Channel:
    """Return gRPC's own channel to `host:port`, without a token; it connects on the first call.

    Args:
        address: The address, `host:port`.
        tls: The files of a caller over TLS; None for a server that speaks no TLS.
        name: The name that the server's certificate must have; "" for the host of the address.

    Raises:
        Unavailable: A file of `tls` cannot be used now.
    """
    allow_forks()
    is_direct = is_loopback(host_of(address))
    options: list[tuple[str, int | str]] = list(channel_options())
    if is_direct:
        options.append(("grpc.enable_http_proxy", 0))
    if tls is None:
        return grpc.insecure_channel(address, options=options)
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    return grpc.secure_channel(address, caller_credentials(tls), options=options)


class Channel:
    """A gRPC channel that adds a token to each call; any thread may close it at any time.

    It replaces gRPC's interceptors: these look a method up at each call, and gRPC (at least 1.85) crashes the process
    if the channel is closed by then. This channel looks methods up once, when a stub is made.

    Args:
        channel: The underlying channel; this one closes it.
        token: The token of the calls, or the source of the newest one.
        proxy: The proxy through which gRPC connects; None for a direct connection.

    Attributes:
        proxy: The proxy, for the messages of errors.
    """

    def __init__(
        self, channel: grpc.Channel, token: str | TokenSource, proxy: Proxy | None = None
    ) -> None:
        self.proxy = proxy
        self._channel = channel
        self._token: TokenSource = _always(token) if isinstance(token, str) else token
        self._lock = threading.Lock()
        self._is_open = True

    def unary_unary(self, *method: Any, **options: Any) -> Any:
        """See `grpc.Channel.unary_unary`; raises Unavailable when the channel is closed, like the others."""
        return self._method(self._channel.unary_unary, *method, **options)

    def unary_stream(self, *method: Any, **options: Any) -> Any:
        """See `grpc.Channel.unary_stream`."""
        return self._method(self._channel.unary_stream, *method, **options)

    def stream_unary(self, *method: Any, **options: Any) -> Any:
        """See `grpc.Channel.stream_unary`."""
        return self._method(self._channel.stream_unary, *method, **options)

    def stream_stream(self, *method: Any, **options: Any) -> Any:
        """See `grpc.Channel.stream_stream`."""
        return self._method(self._channel.stream_stream, *method, **options)

    def close(self) -> None:
        """End all calls; a later call raises an error that `rpc_errors` maps."""
        with self._lock:
            self._is_open = False
        self._channel.close()

    def _method(self, look_up: Callable[..., Any], *method: Any, **options: Any) -> Any:
        with self._lock:
            if not self._is_open:
                raise Unavailable("The connection was closed.")
            found = look_up(*method, **options)

        def call(request: Any, **how: Any) -> Any:
            return found(request, metadata=(("authorization", f"Bearer {self._token()}"),), **how)

        return call


def _always(token: str) -> TokenSource:
    return lambda: token

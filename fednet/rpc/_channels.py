"""How channels and servers are opened: keepalive as the heartbeat, bounded messages, a token on every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc

from fednet import limits


def channel_options(*, server: bool = False) -> list[tuple[str, int]]:
    """The gRPC options that both ends share; keepalive finds a dead peer within half a minute."""
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
        ]
    else:
        longest = int(limits.retry_seconds_max * 1000)
        options += [
            ("grpc.max_reconnect_backoff_ms", longest),
            ("grpc.initial_reconnect_backoff_ms", 100),
        ]
    return options


def open_channel(address: str, token: str) -> grpc.Channel:
    """A channel to `host:port` whose every call carries the token. It connects on the first call."""
    channel = grpc.insecure_channel(address, options=channel_options())
    return grpc.intercept_channel(channel, _BearerToken(token))


class _CallDetails(NamedTuple):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _BearerToken(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    def __init__(self, token: str) -> None:
        self._entry = ("authorization", f"Bearer {token}")

    def _with_token(self, details: Any) -> _CallDetails:
        return _CallDetails(
            details.method,
            details.timeout,
            [*(details.metadata or ()), self._entry],
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )

    def _call(self, go_on: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        return go_on(self._with_token(details), request)

    def intercept_unary_unary(self, go_on: Any, details: Any, request: Any) -> Any:
        return self._call(go_on, details, request)

    def intercept_unary_stream(self, go_on: Any, details: Any, request: Any) -> Any:
        return self._call(go_on, details, request)

    def intercept_stream_unary(self, go_on: Any, details: Any, requests: Iterator[Any]) -> Any:
        return self._call(go_on, details, requests)

    def intercept_stream_stream(self, go_on: Any, details: Any, requests: Iterator[Any]) -> Any:
        return self._call(go_on, details, requests)

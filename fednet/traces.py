"""Traces of rounds: one round is one trace, through controller, combiners and clients.

The ids of a span follow from what it describes: a session, a round, a phase, a task. So a process needs only the
`traceparent` of its order (https://www.w3.org/TR/trace-context/), and after a restart, or at another controller, the
trace goes on. A span is told as a whole when it has ended; OpenTelemetry's exporter sends it by OTLP over HTTP.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fednet import limits
from fednet.errors import MissingExtra

if TYPE_CHECKING:
    from opentelemetry.context import Context

_IDS: Final = uuid.UUID("0f3f5c5e-7a35-4d3c-9a7f-3b7a52a1d1f4")
_TRACEPARENT: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-01")


@dataclass(frozen=True)
class SpanPlace:
    """The ids of a span, in lower-case hexadecimal: 32 characters of its trace and 16 of its own."""

    trace_id: str
    span_id: str

    @property
    def traceparent(self) -> str:
        """The place as W3C's header of the same name, sampled."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    def child(self, *names: str) -> SpanPlace:
        """Return the place of a span below this one; equal names give an equal place."""
        return SpanPlace(self.trace_id, _id(self.span_id, *names)[:16])


def round_place(session_id: str, number: int) -> SpanPlace:
    """Return the place of a round's span, the first of its trace."""
    trace_id = _id(session_id, str(number))
    return SpanPlace(trace_id, _id(trace_id, "round")[:16])


def place_of(traceparent: str) -> SpanPlace | None:
    """Return the place that a traceparent names; None for anything else, which W3C wants to be ignored."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return SpanPlace(*found.groups()) if found else None


def _id(*names: str) -> str:
    return uuid.uuid5(_IDS, "/".join(names)).hex


@dataclass(frozen=True)
class Span:
    """A span that has ended.

    Attributes:
        name: The name of its kind of work.
        place: Its ids.
        parent: The place of the span above it; None for a round.
        began_at: In seconds since 1970.
        ended_at: In seconds since 1970.
        facts: Its attributes; empty ones are left out.
        failure: The reason why the work failed; "" if it did not.
    """

    name: str
    place: SpanPlace
    parent: SpanPlace | None
    began_at: float
    ended_at: float
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    failure: str = ""


class Traces:
    """The way of spans out of one process; without an endpoint, they are dropped at once.

    Args:
        endpoint: The address of a receiver of OTLP over HTTP, such as http://collector:4318; None for no traces.
        component: controller, combiner or client.
        name: The name of the process.

    Raises:
        MissingExtra: There is an endpoint, and the extra `tracing` is not installed.
    """

    def __init__(self, endpoint: str | None, component: str, name: str) -> None:
        self._exporter = _Exporter(endpoint, component, name) if endpoint else None

    def tell(self, make: Callable[[], Span | None]) -> None:
        """Send a span; it is made only if somebody receives it."""
        if self._exporter and (span := make()):
            self._exporter.send(span)

    def close(self) -> None:
        """Send what waits, for a moment at most."""
        if self._exporter:
            self._exporter.close()


class _Exporter:
    """OpenTelemetry's SDK behind spans with ids of ours."""

    def __init__(self, endpoint: str, component: str, name: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.sdk.trace.sampling import ALWAYS_ON
        except ModuleNotFoundError as error:
            raise MissingExtra(
                "Traces need OpenTelemetry, which is not installed. Install it with: pip install "
                "'fednet[tracing]', or remove the setting traces_endpoint."
            ) from error
        self._ids = _GivenIds()
        self._lock = threading.Lock()
        about = {"service.name": f"fednet-{component}", "service.instance.id": name}
        self._provider = TracerProvider(
            resource=Resource.create(about),
            id_generator=self._ids,  # type: ignore[arg-type]  # the class is loaded only where it is needed
            sampler=ALWAYS_ON,
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(
            f"{endpoint.rstrip('/')}/v1/traces", timeout=limits.traces_seconds_max
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("fednet")

    def send(self, span: Span) -> None:
        from opentelemetry.trace import Status, StatusCode

        with self._lock:
            self._ids.place = span.place
            made = self._tracer.start_span(
                span.name,
                context=_context_of(span.parent),
                start_time=int(span.began_at * 1e9),
                attributes={f"fednet.{name}": each for name, each in span.facts.items() if each},
            )
        if span.failure:
            made.set_status(Status(StatusCode.ERROR, span.failure))
        made.end(int(span.ended_at * 1e9))

    def close(self) -> None:
        """Send what waits; go on after a while without, as the SDK ignores a deadline while a receiver is slow."""
        closing = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(limits.traces_seconds_max)


class _GivenIds:
    """The generator of ids of OpenTelemetry, which gives those of the span that is sent now."""

    place: SpanPlace

    def generate_span_id(self) -> int:
        return int(self.place.span_id, 16)

    def generate_trace_id(self) -> int:
        return int(self.place.trace_id, 16)

    def is_trace_id_random(self) -> bool:
        return False


def _context_of(parent: SpanPlace | None) -> Context:
    """Return the context of a span below another one, which another process may have sent."""
    from opentelemetry.context import Context
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    if parent is None:
        return Context()
    ids: dict[str, Any] = {
        "trace_id": int(parent.trace_id, 16),
        "span_id": int(parent.span_id, 16),
    }
    flags = TraceFlags(TraceFlags.SAMPLED)
    above = SpanContext(**ids, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(above), Context())

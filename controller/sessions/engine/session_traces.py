"""The spans of rounds, from the documents of a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from fednet.storage import Document
from fednet.traces import Span, Traces, round_place

from ..machine.orders import Projection
from ..machine.state import Status


def tell_rounds(traces: Traces, session: Document, projections: Sequence[Projection]) -> None:
    """Tell the span of each round that a commit ends: with a model, or together with its session.

    Args:
        traces: Takes the spans.
        session: The session's document after the commit.
        projections: The documents that the commit has written.
    """
    is_over = Status(session["status"]).is_final
    for projection in projections:
        if projection.collection == "rounds" and (is_over or _has_model(projection)):
            traces.tell(partial(_span, session, projection.fields))


def _has_model(projection: Projection) -> bool:
    return bool(projection.fields["status"] == "Finished")


def _span(session: Document, fields: Mapping[str, Any]) -> Span | None:
    if fields["ended_at"] is None:
        return None
    return Span(
        "round",
        round_place(session["id"], fields["number"]),
        None,
        _seconds(fields["started_at"]),
        _seconds(fields["ended_at"]),
        {
            "session": session["session_id"],
            "round": fields["number"],
            "attempt": fields["attempt"],
            "updates": fields["updates"],
        },
        "" if fields["status"] == "Finished" else session["reason"],
    )


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()

"""The controller's log of sessions: one line for each change of status, and for the begin and the end of each round."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fednet.storage import Document

from ..machine.orders import Projection

_log = logging.getLogger(__name__)


def log_changes(before: Document, after: Document, projections: Sequence[Projection]) -> None:
    """Log what a commit has changed.

    Args:
        before: The session's document before the commit.
        after: The session's document after the commit.
        projections: The documents that the commit has written.
    """
    session_id = after["session_id"]
    for projection in projections:
        if projection.collection == "rounds":
            _log_round(session_id, projection.fields)
    if after["status"] != before["status"]:
        reason = f": {after['reason']}" if after.get("reason") else ""
        _log.info("session %s is %s%s", session_id, after["status"], reason)


def _log_round(session_id: str, fields: Mapping[str, Any]) -> None:
    if fields["status"] == "Pending":
        _log.info(
            "session %s: round %d begins, attempt %d",
            session_id,
            fields["number"],
            fields["attempt"],
        )
        return
    _log.info(
        "session %s: round %d is %s after %.2f s: %d of %d clients, model %s",
        session_id,
        fields["number"],
        fields["status"].upper(),
        fields["seconds"]["round"],
        fields["updates"],
        fields["clients"],
        fields["model_id"],
    )

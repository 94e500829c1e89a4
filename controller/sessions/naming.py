"""The names of sessions, for people."""

from __future__ import annotations

import logging

from fednet.contract import Principal
from fednet.errors import FailedPrecondition
from fednet.storage import Document

from ..feed.entries import EntryKind, session_ids
from ..feed.feed import Feed
from ..records import Records
from .machine.state import Status

_log = logging.getLogger(__name__)


def name_session(
    principal: Principal, records: Records, feed: Feed, session_id: str, name: str
) -> Document:
    """Give a session that has ended another name; while one runs, only its driver writes to its document.

    Raises:
        NotFound: There is no such session.
        FailedPrecondition: It has not ended.
    """

    def named(session: Document) -> dict[str, str]:
        if not Status(session["status"]).is_final:
            raise FailedPrecondition(
                f"Session {session['session_id']!r} is {session['status']}. Name it when it has ended."
            )
        return {"name": name}

    session = records.update("sessions", session_id, named)
    feed.append(EntryKind.SESSION_CHANGED, **session_ids(session))
    _log.info("session %s is named %r, by %s", session["session_id"], name, principal)
    return session

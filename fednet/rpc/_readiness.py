"""The readiness of a client as a message, bounded in both directions."""

from __future__ import annotations

from fednet import limits
from fednet.digests import is_value
from fednet.readiness import Approval, Readiness
from fednet.rpc._text import sendable
from fednet.wire import tasks_pb2


def readiness_message(readiness: Readiness) -> tasks_pb2.Readiness:
    """Return a client's readiness as a message."""
    return tasks_pb2.Readiness(
        step=sendable(readiness.step)[: limits.preparing_characters_max],
        awaited=[
            tasks_pb2.Approval(digest=each.digest, session_id=each.session_id)
            for each in readiness.awaited[: limits.awaited_approvals_max]
        ],
    )


def readiness_of(message: tasks_pb2.Readiness) -> Readiness:
    """Return the readiness in a message; an approval without a digest is left out."""
    return Readiness(
        message.step[: limits.preparing_characters_max],
        tuple(
            Approval(each.digest, each.session_id[: limits.name_characters_max])
            for each in message.awaited[: limits.awaited_approvals_max]
            if is_value(each.digest)
        ),
    )

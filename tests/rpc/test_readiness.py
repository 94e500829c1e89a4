"""The readiness of clients on the wire: bounded, whatever a client says."""

from fednet import limits
from fednet.readiness import Approval, Readiness
from fednet.rpc import readiness_message, readiness_of
from fednet.wire import tasks_pb2

DIGEST = "0" * 64


def test_a_readiness_survives_the_wire():
    """The step and the approvals, of packages and of settings."""
    readiness = Readiness("installing", (Approval(DIGEST), Approval("f" * 64, "s")))

    assert readiness_of(readiness_message(readiness)) == readiness


def test_more_than_the_limits_is_cut():
    """One approval more, and one character more."""
    awaited = [tasks_pb2.Approval(digest=DIGEST, session_id="s" * 1000)] * (
        limits.awaited_approvals_max + 1
    )
    step = "x" * (limits.preparing_characters_max + 1)

    read = readiness_of(tasks_pb2.Readiness(step=step, awaited=awaited))

    assert len(read.step) == limits.preparing_characters_max
    assert len(read.awaited) == limits.awaited_approvals_max
    assert len(read.awaited[0].session_id) == limits.name_characters_max


def test_a_digest_that_is_none_is_left_out():
    """People are told to type it into a command."""
    message = tasks_pb2.Readiness(awaited=[{"digest": "$(rm -r ~)"}, {"digest": DIGEST}])

    assert readiness_of(message).awaited == (Approval(DIGEST),)

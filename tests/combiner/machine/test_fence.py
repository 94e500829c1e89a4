"""The fence: a controller that has lost its session is refused, and memory stays bounded."""

import pytest

from fednet import limits
from fednet.combiner.machine.fence import Fence
from fednet.combiner.machine.values import Authority
from fednet.errors import Superseded


def test_the_highest_term_of_each_session_passes():
    """The same controller passes as often as it likes; it is told when the session has another one."""
    fence = Fence()

    passed = [
        fence.admit(Authority(controller, term, session))
        for controller, term, session in (
            ("one", 1, "s"),
            ("one", 1, "s"),
            ("one", 2, "s"),
            ("two", 3, "s"),
            ("one", 1, "t"),
        )
    ]

    assert passed == [True, False, False, True, True]
    assert [fence.controller_of(session) for session in ("s", "t", "unknown")] == ["two", "one", ""]


@pytest.mark.parametrize(("controller", "term"), [("one", 4), ("two", 4), ("two", 5), ("two", 0)])
def test_a_lower_term_and_another_controllers_equal_term_are_refused(controller, term):
    """The error names the driver, both terms and the field; nothing has changed."""
    fence = Fence()
    fence.admit(Authority("one", 5, "s"))

    with pytest.raises(Superseded, match=f"'one' drives .* term 5; .* has the term {term}") as no:
        fence.admit(Authority(controller, term, "s"))

    assert no.value.field == "authority"
    assert fence.controller_of("s") == "one"
    assert not fence.admit(Authority("one", 5, "s"))


def test_the_sessions_that_were_quiet_longest_are_forgotten(monkeypatch):
    """Sessions whose controllers give orders stay."""
    monkeypatch.setattr(limits, "fenced_sessions_max", 3)
    fence = Fence()

    for number in range(10):
        fence.admit(Authority("one", 1, "busy"))
        fence.admit(Authority("one", 1, f"session-{number}"))

    kept = [
        name for name in ("busy", *(f"session-{n}" for n in range(10))) if fence.controller_of(name)
    ]
    assert kept == ["busy", "session-8", "session-9"]

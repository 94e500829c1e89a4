"""Some refusals end a connection for good; all others only cost an attempt."""

import pytest

from fednet.client.connection import _is_final
from fednet.errors import LimitExceeded, PermissionDenied, Unauthenticated, every_error

PASSING = [kind for kind in every_error().values() if kind.retryable] + [LimitExceeded]
ABOUT_RIGHTS = [Unauthenticated, PermissionDenied]


@pytest.mark.parametrize("was_welcomed", [True, False])
@pytest.mark.parametrize("kind", PASSING)
def test_what_may_pass_ends_no_client(kind, was_welcomed):
    """A combiner that is full, or a network that is away, is asked again."""
    assert not _is_final(kind("…"), was_welcomed=was_welcomed)


@pytest.mark.parametrize("kind", sorted(set(every_error().values()) - set(PASSING), key=repr))
def test_a_newcomer_is_told_why_it_is_refused(kind):
    """An error such as a name that is taken ends it."""
    assert _is_final(kind("…"), was_welcomed=False)


@pytest.mark.parametrize("kind", every_error().values())
def test_a_client_that_was_welcome_ends_only_when_its_right_is_gone(kind):
    """Everything else is the network's trouble, and passes."""
    assert _is_final(kind("…"), was_welcomed=True) is (kind in ABOUT_RIGHTS)

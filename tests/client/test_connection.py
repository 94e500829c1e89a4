"""Some refusals end a connection for good; all others only cost an attempt."""

import pytest

from fednet import limits
from fednet.client import connection as connection_module
from fednet.client.connection import Connection, _is_final
from fednet.enrolment import ClientPlace
from fednet.errors import (
    LimitExceeded,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    every_error,
)
from fednet.settings import ClientSettings

PLACE = ClientPlace("i", "own", "combiner-1", "127.0.0.1:1", "placement", 60.0)
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


def test_a_client_whose_combiner_stays_away_asks_the_controller_now_and_then(tmp_path):
    """First it returns to its combiner; then it tries in turn, so that a crowd of clients spares the controller."""
    connection = _connection(tmp_path)
    connection._place = PLACE

    asks = [connection._known_place(failures) is None for failures in range(9)]

    first = limits.reconnect_attempts_max + 1
    assert asks == [number >= first and (number - first) % 2 == 0 for number in range(9)]


@pytest.fixture
def attempts(monkeypatch):
    """Give a function that lets a connection meet one problem after the other, without pauses, and then stop."""

    def meet(connection, *texts):
        left = [*texts]

        def enrol(*_given, **_options):
            if not left:
                connection.stopping.set()
            raise Unavailable(left.pop(0) if left else "The test is over.")

        monkeypatch.setattr(connection_module, "enrol_client", enrol)
        monkeypatch.setattr(connection_module, "backoff_seconds", lambda _: 0.0)
        connection.stopping.clear()
        connection._run()

    return meet


def test_an_absent_network_is_told_once_until_it_is_back(tmp_path, attempts, caplog):
    """Each reason has one line, however many attempts there are, and also in a program that configures no log."""
    connection = _connection(tmp_path)

    attempts(connection, *["away", "full"] * 5)
    connection._welcome(PLACE)
    attempts(connection, *["away"] * 5)

    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert [line.rpartition(": ")[2] for line in warnings] == ["away", "full", "away"]


def test_a_client_without_a_place_asks_the_controller_in_each_attempt(tmp_path):
    """There is no combiner to try."""
    connection = _connection(tmp_path)

    assert [connection._known_place(failures) for failures in range(9)] == [None] * 9


def _connection(tmp_path):
    settings = ClientSettings(name="a", api_url="http://127.0.0.1:1", token="t", data_dir=tmp_path)
    nothing = lambda *_: None  # noqa: E731  four callbacks that nobody calls
    return Connection(
        settings,
        frozenset(),
        needs_package=False,
        on_connected=nothing,
        on_disconnected=nothing,
        on_message=nothing,
        on_refused=nothing,
    )

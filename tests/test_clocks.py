"""A clock that nobody can set back, and the difference between two clocks."""

import time
from types import SimpleNamespace

import grpc._channel
import numpy as np
import pytest

from fednet import enrolment, limits
from fednet.clocks import SteadyClock, clock_warning, seconds_behind
from fednet.testing import Network

SECONDS = 200
HOUR_SECONDS = 3600.0


class Times:
    """The two clocks of a machine, in the hands of a test."""

    def __init__(self):
        self.wall, self.monotonic = 1_000_000.0, 50.0

    def pass_(self, seconds):
        self.wall += seconds
        self.monotonic += seconds


def test_a_steady_clock_begins_with_the_machines_time_and_follows_no_change():
    """Neither forwards nor back; a new one takes the new time."""
    times = Times()
    clock = SteadyClock(lambda: times.wall, lambda: times.monotonic)
    shown = [clock()]
    times.wall -= 3600
    times.pass_(10)
    shown.append(clock())
    times.wall += 7200
    times.pass_(10)
    shown.append(clock())

    assert shown == [1_000_000.0, 1_000_010.0, 1_000_020.0]
    assert SteadyClock(lambda: times.wall, lambda: times.monotonic)() == times.wall


@pytest.mark.parametrize(
    ("other", "behind"),
    [(99.0, -1.0), (100.0, 0.0), (101.0, 0.0), (102.0, 0.0), (103.5, 1.5), (190.0, 88.0)],
)
def test_the_difference_is_what_the_time_of_the_call_cannot_explain(other, behind):
    """The call lasted from 100 to 102; positive where this machine is behind."""
    assert seconds_behind(other, 100.0, 102.0) == behind


@pytest.mark.parametrize("behind", [0.0, limits.clock_skew_told_seconds - 0.1, -1.0])
def test_a_small_difference_is_not_told(behind):
    """Clocks never agree to the second."""
    assert clock_warning(behind) is None


@pytest.mark.parametrize(
    ("behind", "said", "is_serious"),
    [
        (90.0, "90 s behind the controller's", False),
        (-90.0, "90 s ahead of the controller's", False),
        (3600.0, "3600 s behind", True),
    ],
)
def test_a_larger_difference_is_told_with_its_size(behind, said, is_serious):
    """With the consequence, if there is one."""
    warning = clock_warning(behind)

    assert said in warning
    assert ("expire early" in warning) is is_serious


@pytest.fixture
def seed(tmp_path):
    """A model file of one array."""
    np.savez(tmp_path / "seed.npz", **{"0": np.zeros(3)})
    return str(tmp_path / "seed.npz")


def trained(parameters, _settings):
    return parameters, {"num_examples": 1}


def run_session(net, seed, **options):
    net.api.set_active_model(seed)
    net.api.start_session("first", **options)
    return net.api.wait_session("first", timeout=SECONDS)


def test_members_with_a_wrong_clock_join_and_the_network_says_so(monkeypatch, seed):
    """A status for the combiner and one for the client, each with the size of the difference."""
    behind = SimpleNamespace(time=lambda: time.time() - 90)
    monkeypatch.setattr(enrolment, "time", behind)
    with Network() as net:
        net.add_client("site-1", train=trained)
        session = run_session(net, seed, rounds=1)
        statuses = net.api.get_statuses(log_level="WARNING")["result"]

    told = {each["source"]["name"]: each["message"] for each in statuses}
    assert session["status"] == "FINISHED"
    assert set(told) == {"combiner-1", "site-1"}
    assert all(message.startswith("The clock of this machine is 9") for message in told.values())
    assert all("s behind the controller's" in message for message in told.values())


@pytest.mark.parametrize("change", [-HOUR_SECONDS, HOUR_SECONDS])
def test_a_clock_that_is_set_in_the_middle_of_a_round_changes_no_duration(
    monkeypatch, seed, change
):
    """The round neither ends before it began nor misses its deadline; the session goes on."""
    real = time.time
    ahead = [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    # gRPC's core keeps the machine's own clock, so its deadlines must be of that one.
    monkeypatch.setattr(grpc._channel, "_deadline", lambda seconds: seconds and real() + seconds)

    def train(parameters, settings):
        ahead[0] = change
        return trained(parameters, settings)

    began = time.monotonic()
    with Network() as net:
        net.add_client("site-1", train=train)
        session = run_session(net, seed, rounds=2, round_timeout=HOUR_SECONDS / 2, round_retries=0)
        rounds = net.api.get_rounds()["result"]
    elapsed = time.monotonic() - began

    durations = [seconds for each in rounds for seconds in each["seconds"].values()]
    assert (session["status"], session["reason"]) == ("FINISHED", "all rounds are done")
    assert len(rounds) == 2
    assert all(0 <= seconds <= elapsed for seconds in durations)
    assert all(each["started_at"] <= each["ended_at"] for each in rounds)

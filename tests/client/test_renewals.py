"""A client's tokens are renewed in time, as long as the network answers."""

import queue
from dataclasses import replace

import pytest

from fednet.client.renewals import Renewals
from fednet.enrolment import ClientPlace
from fednet.errors import PermissionDenied, Unavailable

SECONDS = 200
PLACE = ClientPlace("id", "own", "combiner-1", "host:1", "placement-0", 0.05)


@pytest.fixture
def renewals():
    """Give a function that renews with these answers; it gives a queue of places, and of refusals."""
    running = []

    def begin(answers):
        renewed, refused = queue.Queue(), queue.Queue()

        def renew(place):
            answer = answers.pop(0) if answers else Unavailable("It is away.")
            if isinstance(answer, Exception):
                raise answer
            return replace(place, placement_token=answer)

        running.append(Renewals(PLACE, renew, renewed.put, lambda: refused.put(True)))
        return renewed, refused

    yield begin
    for each in running:
        each.close()


def test_tokens_are_renewed_again_and_again(renewals):
    """Each time at half of the placement's life."""
    renewed, _ = renewals(["placement-1", "placement-2"])

    tokens = [renewed.get(timeout=SECONDS).placement_token for _ in range(2)]

    assert tokens == ["placement-1", "placement-2"]


def test_while_the_network_does_not_answer_it_is_asked_again(renewals):
    """The old token is still good for a while."""
    renewed, refused = renewals([Unavailable("It is away."), "placement-1"])

    assert renewed.get(timeout=SECONDS).placement_token == "placement-1"
    assert refused.empty()


def test_a_refusal_ends_the_renewals(renewals):
    """The client was removed, or its token revoked."""
    renewed, refused = renewals([PermissionDenied("It was removed."), "placement-1"])

    assert refused.get(timeout=SECONDS)
    assert renewed.empty()

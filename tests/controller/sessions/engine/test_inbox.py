"""Nobody is left waiting at an inbox."""

import threading

import pytest

from fednet.controller.sessions.engine.inbox import Inbox
from fednet.controller.sessions.machine.events import Began, TimePassed


def test_letters_come_out_together_and_in_order():
    """All waiting letters are taken at once."""
    inbox = Inbox(10)
    for event in (Began(), TimePassed()):
        inbox.put(event)

    assert [letter.event for letter in inbox.take(None)] == [Began(), TimePassed()]
    assert inbox.take(0) == []


def test_a_full_inbox_makes_the_next_wait_until_there_is_room():
    """Its letter is not lost."""
    inbox = Inbox(1)
    inbox.put(Began())
    waiting = threading.Thread(target=inbox.put, args=[TimePassed()])
    waiting.start()

    first, second = inbox.take(5), inbox.take(5)

    waiting.join(5)
    assert [[letter.event for letter in taken] for taken in (first, second)] == [
        [Began()],
        [TimePassed()],
    ]


@pytest.mark.parametrize("settled", [True, False])
def test_a_close_answers_those_that_lie_there_that_wait_and_that_come(settled):
    """Futures are done if nothing can change any more, and cancelled if the next driver must hear the event."""
    inbox = Inbox(1)
    futures = [inbox.put(Began())]
    waiting = threading.Thread(target=lambda: futures.append(inbox.put(TimePassed())))
    waiting.start()

    inbox.close(settled=settled)

    waiting.join(5)
    futures.append(inbox.put(TimePassed()))
    assert len(futures) == 3
    assert all(future.done() for future in futures)
    assert [future.cancelled() for future in futures] == [not settled] * 3


def test_a_close_wakes_who_takes():
    """A thread that waits for letters hears that none will come."""
    inbox, taken = Inbox(1), []
    taker = threading.Thread(target=lambda: taken.append(inbox.take(None)))
    taker.start()

    inbox.close(settled=True)

    taker.join(5)
    assert taken == [[]]

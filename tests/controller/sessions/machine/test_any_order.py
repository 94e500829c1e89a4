"""Laws that hold in every order of events: a session ends, counts each update once, and wastes no training."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_world import World, restarted, session_with

from fednet.controller.sessions.machine.events import Unheard
from fednet.controller.sessions.machine.privacy import PrivacyAccount
from fednet.controller.sessions.machine.state import BlobRef, Functions, Kind
from fednet.digests import Digest

PLACES = {"a": ["a1", "a2"], "b": ["b1", "b2"]}
SEED = BlobRef("seed-model", Digest.read("0" * 64, 1))
GENTLE = ("obey", "hear", "answer", "fail", "move", "lose", "deadline", "restart")
HARSH = (*GENTLE, "time", "kill", "revive")


def session_of(kind, **fields):
    figures = {"rounds": 2, "min_clients": 2, "requested_clients": 4, "round_retries": 3}
    return session_with(
        session_id="s",
        document_id="document-of-s",
        kind=kind,
        round_timeout=60.0,
        helper="numpyhelper",
        model=SEED,
        **{**figures, **fields},
    )


KINDS = {
    "training": lambda: (session_of(Kind.TRAINING, validate=True), None),
    "buffer": lambda: (session_of(Kind.TRAINING, round_buffer_size=2), None),
    "functions": lambda: (
        session_of(Kind.TRAINING, functions=Functions(["client_selection"])),
        None,
    ),
    "asynchronous": lambda: (session_of(Kind.ASYNCHRONOUS, staleness_max=3, validate=True), None),
    "asynchronous with functions": lambda: (
        session_of(
            Kind.ASYNCHRONOUS,
            staleness_max=3,
            functions=Functions(["client_selection", "client_settings"]),
        ),
        None,
    ),
    "prediction": lambda: (session_of(Kind.PREDICTION, rounds=1, round_retries=0), None),
}


PRIVATE = {
    "local privacy": lambda: (
        session_of(
            Kind.TRAINING,
            dp={"clip": 1, "noise_multiplier": 1, "mechanism": "local"},
            privacy=PrivacyAccount("00" * 32, 1.0),
        ),
        None,
    ),
}


def happen(world, what, number):  # noqa: C901  one case for each happening
    """Let one thing happen, if it can."""
    clients = sorted(client for each in world.combiners.values() for client in each.clients)
    name = sorted(world.combiners)[number % 2]
    match what:
        case "obey" if world.orders:
            world.obey()
        case "hear" if world.news:
            world.hear(first_of_a_combiner(world.news, number))
        case "answer" | "fail" if world.open_tasks():
            tasks = world.open_tasks()
            world.answer(*tasks[number % len(tasks)], fails=what == "fail")
        case "move":
            world.move(clients[number % len(clients)], name)
        case "lose" if world.orders:
            world.news.append(Unheard(world.orders.pop(0)))
        case "time" if world.machine.next_deadline() is not None:
            world.pass_time()
        case "deadline":
            world.reach_deadline()
        case "restart":
            restarted(world)
        case "kill" if world.combiners[name].is_up:
            world.kill(name)
        case "revive" if not world.combiners[name].is_up:
            world.revive(name)


def first_of_a_combiner(news, number):
    """Return the index of the first news of some combiner, by a number; the news of one combiner stays in order."""
    names = [getattr(each, "combiner", None) for each in news]
    firsts = [index for index, name in enumerate(names) if name not in names[:index]]
    return firsts[number % len(firsts)]


def live(kind, story):
    """Live through a story, mend everything, and play to the end."""
    session, plan = (KINDS | PRIVATE)[kind]()
    world = World(session, PLACES, plan, allowing=("a", "b"))
    world.begin()
    for what, number in story:
        if not world.session.status.is_final:
            happen(world, what, number)
    for name, combiner in world.combiners.items():
        if not combiner.is_up:
            world.revive(name)
    world.play()
    return world


def stories(*happenings):
    return st.lists(st.tuples(st.sampled_from(happenings), st.integers(0, 7)), max_size=60)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150)
@given(story=stories(*GENTLE))
def test_a_session_ends_and_nobody_works_twice_for_one_phase(kind, story):
    """Answers, failures, moves, lost orders, restarts of the controller and deadlines come in any order.

    Only a combiner that is silent beyond the deadline costs work: it may have an update that nobody knows of.
    """
    world = live(kind, story)

    assert max(world.trainings.values(), default=0) <= 1


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150)
@given(story=stories(*HARSH))
def test_a_session_ends_also_when_combiners_die_and_come_back(kind, story):
    """Each update that is merged counts once; see `World._check_parts`."""
    world = live(kind, story)

    assert world.session.status.is_final
    assert world.session.round is None


@settings(max_examples=150)
@given(story=stories(*HARSH))
def test_no_client_sends_more_private_updates_than_are_accounted(story):
    """With the local mechanism, and whatever dies: each update that a client trains for is a release of its own."""
    world = live("local privacy", story)

    sent = Counter()
    for (client, _), trainings in world.trainings.items():
        sent[client] += trainings
    assert max(sent.values(), default=0) <= world.session.privacy.releases

"""Orders that change a running phase, and their authority: on real files, also after a kill."""

import asyncio
import json
import threading

import numpy as np
import pytest

from fednet.combiner.machine.assignment import task_id_of
from fednet.errors import InvalidInput, NotFound, Superseded, Unavailable
from fednet.wire import rounds_pb2


def again(phase, *clients, **changes):
    """Return a later Start of the same phase."""
    later = rounds_pb2.Phase()
    later.CopyFrom(phase)
    del later.clients[:]
    later.clients.extend(clients)
    later.MergeFrom(rounds_pb2.Phase(**changes))
    return later


def kinds(messages):
    return [kind for kind, _ in messages]


async def totals(combiner, count):
    """Return the answers and the weight of each close told so far; the last one is the `count`th."""
    closes = await combiner.until("phase_closed", count)
    return [(each.phase_closed.answers, each.phase_closed.weight) for each in closes]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_later_attempt_asks_only_for_what_is_missing(
    combiner, phase_of, sent, tmp_path, killed
):
    """The answers of the first attempt count in the second, also if the combiner is killed between or after."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("update_folded")
    await combiner.close_early(phase)
    assert await totals(combiner, 1) == [(1, 1.0)]
    if killed:
        await combiner.restart()
    a, b = combiner.connect("a"), combiner.connect("b")

    await combiner.start(again(phase, "a", "b", attempt=1))
    if killed:
        await combiner.restart()
        a, b = combiner.connect("a"), combiner.connect("b")
    combiner.answer(phase, "b", 3, 4, 5)
    closes = await combiner.until("phase_closed", 1 if killed else 2)

    assert "task" not in kinds(sent(a))
    assert kinds(sent(b)) == ["welcome", "task", "receipt"]
    assert (closes[-1].phase_closed.answers, closes[-1].phase_closed.weight) == (2, 2.0)
    [mean] = await combiner.reduced(phase, tmp_path, updates=2, weight=2)
    np.testing.assert_allclose(mean, [2, 3, 4])
    await combiner.close()


@pytest.mark.parametrize("killed", [False, True])
async def test_a_client_that_failed_is_asked_again_by_a_later_attempt(
    combiner, phase_of, says, sent, killed
):
    """The failure is forgotten, also on disk; a refused update is replaced by the next."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    combiner.result("a", says.failure(phase, "a"))
    combiner.answer(phase, "b", 1, 2, np.nan)
    assert await totals(combiner, 1) == [(0, 0.0)]

    await combiner.start(again(phase, "a", "b", attempt=1))
    if killed:
        await combiner.restart()
    a, b = combiner.connect("a"), combiner.connect("b")
    combiner.answer(phase, "a", 1, 2, 3)
    combiner.answer(phase, "b", 1, 2, 3)
    closes = await combiner.until("phase_closed", 1 if killed else 2)

    assert kinds(sent(a)) == kinds(sent(b)) == ["welcome", "task", "receipt"]
    assert closes[-1].phase_closed.answers == 2
    await combiner.close()


async def test_the_deadline_of_a_later_attempt_is_its_own(combiner, phase_of, sent, hours_later):
    """A task says how many seconds are left until then."""
    await combiner.restart()
    phase = phase_of("a", seconds_max=3600.0)
    await combiner.start(phase)
    hours_later()

    await combiner.start(again(phase, "a", attempt=1, seconds_max=60.0))
    a = combiner.connect("a")

    [_, (_, task)] = sent(a)
    assert 0 < task.seconds_left <= 60
    await combiner.close()


async def test_each_client_gets_its_own_settings(combiner, phase_of, sent):
    """Its own settings replace the session's of the same name; a client without any gets the session's."""
    await combiner.restart()
    own = {"a": '{"lr": 2, "mask": [1]}'}
    phase = phase_of("a", "b", settings_json='{"lr": 1, "epochs": 3}', client_settings_json=own)
    a, b = combiner.connect("a"), combiner.connect("b")
    await combiner.start(phase)

    [_, (_, of_a)], [_, (_, of_b)] = sent(a), sent(b)
    assert json.loads(of_a.settings_json) == {"lr": 2, "epochs": 3, "mask": [1]}
    assert of_b.settings_json == '{"lr": 1, "epochs": 3}'
    await combiner.close()


@pytest.mark.parametrize("killed", [False, True])
async def test_a_client_moves_here_and_away_again(combiner, phase_of, says, sent, killed):
    """It is withdrawn without a word, its answer is neither taken nor refused, and it may come back."""
    await combiner.restart()
    phase = phase_of("b")
    b = combiner.connect("b")
    await combiner.start(phase)
    a = combiner.connect("a")
    await combiner.start(again(phase, "a"))
    assert kinds(sent(a)) == ["welcome", "task"]

    moved = await combiner.withdraw(phase, "a", "stranger")
    if killed:
        await combiner.restart()
        a, b = combiner.connect("a"), combiner.connect("b")
    sent(a)
    with pytest.raises(Unavailable, match="has moved"):
        combiner.upload(phase, "a", 1, 2, 3)
    combiner.result("a", says.update(phase, "a"))

    assert moved == ("a", "stranger")
    assert sent(a) == []
    assert kinds(sent(b)) == ["welcome", "task"]
    await combiner.start(again(phase, "a"))
    assert kinds(sent(a)) == ["task"]
    await combiner.close()


async def test_a_withdrawal_leaves_answers_where_they_are(combiner, phase_of, says):
    """Counted answers, those being checked and failures stay; the phase closes if nobody else is waited for."""
    await combiner.restart()
    phase = phase_of("a", "b", "c", "d")
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("update_folded")
    combiner.answer(phase, "b", 1, 2, 3)
    combiner.result("c", says.failure(phase, "c"))

    assert await combiner.withdraw(phase, "a", "b", "c", "d") == ("d",)
    assert await combiner.withdraw(phase, "d") == ("d",)
    assert await totals(combiner, 1) == [(2, 2.0)]
    assert await combiner.withdraw(phase_of("a"), "a", "b") == ("a", "b")
    await combiner.close()


async def test_a_repeated_start_is_told_the_end_again(combiner, phase_of, sent):
    """The controller that took the session over may not have heard the end; nobody is asked again."""
    await combiner.restart()
    phase = phase_of("a", attempt=2)
    a = combiner.connect("a")
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("phase_closed")
    await combiner.acknowledge_all()
    sent(a)

    taken_over = again(phase, "a", authority={"controller": "controller-2", "term": 2})
    await combiner.start(taken_over)
    [closed] = await combiner.until("phase_closed", controller="controller-2")

    told = closed.phase_closed
    assert (told.answers, told.weight, told.attempt) == (1, 1.0, 2)
    assert sent(a) == []
    await combiner.close()


async def test_a_partial_that_others_need_later_is_shared_then(combiner, phase_of):
    """The phase tells its end again once the partial is in the blob store."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("phase_closed")
    assert list(combiner.store.list("partials/")) == []

    await combiner.start(again(phase, "a", share_partial=True))

    assert await totals(combiner, 2) == [(1, 1.0)] * 2
    assert len(list(combiner.store.list("partials/"))) == 1
    await combiner.release(phase)
    assert list(combiner.store.list("partials/")) == []
    await combiner.close()


async def test_a_phase_that_opens_while_its_partial_is_shared_shares_the_whole_one(
    combiner, phase_of, monkeypatch, another_combiner
):
    """An update that comes meanwhile waits, counts, and is in what others load."""
    await combiner.restart()
    phase = phase_of("a", "b", share_partial=True)
    await combiner.start(phase)
    put, begun, go_on = combiner.store.put_file, asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(*to):
        loop.call_soon_threadsafe(begun.set)
        go_on.wait(10)
        return put(*to)

    monkeypatch.setattr(combiner.store, "put_file", slow)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("update_folded")
    await combiner.close_early(phase)
    await begun.wait()

    await combiner.start(again(phase, "b", attempt=1))
    combiner.answer(phase, "b", 3, 4, 5)
    go_on.set()

    assert await totals(combiner, 1) == [(2, 2.0)]
    other = another_combiner("combiner-2")
    await other.restart()
    reduction = rounds_pb2.Reduction(
        model_id=phase.phase_id, base=phase.model, aggregator="fedavg", helper=phase.helper
    )
    reduction.partials.add(
        phase_id=phase.phase_id,
        combiner="combiner-1",
        updates=2,
        weight=2,
        digest=combiner.partial_of(phase),
    )
    assert (await other.reduce(reduction)).HasField("model")
    await other.close()
    await combiner.close()


@pytest.mark.parametrize("kind", ["TRAIN", "VALIDATE", "PREDICT", "EXCHANGE"])
async def test_a_warrant_goes_with_each_task(combiner, phase_of, sent, kind):
    """Tasks of every kind have it, also after a restart; a later order may bring a newer one."""
    await combiner.restart()
    phase = phase_of("a", kind=kind, warrant="signed")
    await combiner.start(phase)
    await combiner.restart()
    stream = combiner.connect("a")
    before = dict(sent(stream))["task"].warrant

    await combiner.start(again(phase, "b", warrant="signed again"))
    after = dict(sent(combiner.connect("b")))["task"].warrant

    assert (before, after) == ("signed", "signed again")
    await combiner.close()


async def test_a_shared_partial_is_not_shared_again_after_a_restart(combiner, phase_of):
    """Folded again its last bits may differ; the blob and the digest that the controller was told stay."""
    await combiner.restart()
    phase = phase_of("a", "b", share_partial=True)
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    combiner.answer(phase, "b", 3, 4, 5)
    [told] = await combiner.until("phase_closed")
    key = f"partials/{phase.phase_id}/combiner-1"
    combiner.store.put(key, [b"mark"])

    await combiner.restart()
    [told_again] = await combiner.until("phase_closed")

    assert told_again.phase_closed.partial == told.phase_closed.partial
    assert b"".join(combiner.store.read(key)) == b"mark"

    await combiner.start(again(phase, "a", "b", "c", attempt=1))
    combiner.answer(phase, "c", 5, 6, 7)
    [*_, later] = await combiner.until("phase_closed", 2)
    assert later.phase_closed.partial != told.phase_closed.partial
    assert b"".join(combiner.store.read(key)) != b"mark"
    await combiner.close()


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"aggregator": "fedmedian"}, "aggregator"), ({"kind": "VALIDATE"}, "kind")],
)
async def test_a_later_start_of_another_phase_is_refused(combiner, phase_of, changes, field):
    """Answers were checked against the first."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)

    with pytest.raises(InvalidInput) as refusal:
        await combiner.start(again(phase, "a", attempt=1, **changes))

    assert refusal.value.field == field
    await combiner.close()


# The authority of orders

OTHER = {"controller": "controller-2"}


def orders(combiner, phase, **authority):
    """Return every order by name, each as a function that gives it."""
    source = (
        "class Mine(ServerFunctionsBase):\n    def client_settings(self, model):\n        return {}"
    )
    asked = rounds_pb2.ServerFunctions(
        about={"phase_id": phase.phase_id}, source=source, helper="numpyhelper", seconds_max=60
    )
    plan = rounds_pb2.PlanRequest(functions=asked, model=phase.model, authority=authority)
    reduction = rounds_pb2.Reduction(
        model_id=phase.phase_id,
        base=phase.model,
        helper="numpyhelper",
        aggregator="fedavg",
        authority=authority,
    )
    reduction.partials.add(phase_id=phase.phase_id, combiner="c", updates=1, weight=1)
    start = again(phase)
    start.authority.CopyFrom(rounds_pb2.Authority(**authority))
    return {
        "start": lambda: combiner.start(start),
        "withdraw": lambda: combiner.withdraw(phase, "x", **authority),
        "close": lambda: combiner.close_early(phase, **authority),
        "plan": lambda: combiner.plan(plan),
        "reduce": lambda: combiner.reduce(reduction),
        "release": lambda: combiner.release(phase, **authority),
    }


@pytest.mark.parametrize("name", ["start", "withdraw", "close", "plan", "reduce", "release"])
@pytest.mark.parametrize(
    "authority",
    [
        {"controller": "controller-1", "term": 4},
        {"controller": "controller-2", "term": 4},
        {"controller": "controller-2", "term": 5},
    ],
)
@pytest.mark.parametrize("killed", [False, True])
async def test_no_order_of_an_earlier_term_is_taken(combiner, phase_of, name, authority, killed):
    """Another controller's order with the same term is refused too; nothing of the phase changes, even after a kill."""
    await combiner.restart()
    phase = phase_of("a", authority={"term": 5})
    await combiner.start(phase)
    if killed:
        await combiner.restart()

    with pytest.raises(Superseded) as refusal:
        await orders(combiner, phase, **authority, session_id="session")[name]()

    assert refusal.value.field == "authority"
    assert combiner.phases() == [phase.phase_id]
    assert combiner.kept() == []
    await combiner.close()


async def test_a_controller_that_lost_its_session_is_refused_after_the_release(combiner, phase_of):
    """The refusal holds as long as the process lives."""
    await combiner.restart()
    phase = phase_of("a", authority={"term": 5})
    await combiner.start(phase)
    await combiner.release(phase, term=5)

    with pytest.raises(Superseded):
        await combiner.start(again(phase, authority={"term": 4}))
    assert combiner.phases() == []
    await combiner.close()


async def test_a_later_term_is_kept_on_disk(combiner, phase_of):
    """Any order brings the term to the disk."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    await combiner.withdraw(phase, "a", term=7, **OTHER)

    await combiner.restart()

    with pytest.raises(
        Superseded, match="'controller-2' drives the session session with the term 7"
    ):
        await combiner.close_early(phase, term=6)
    await combiner.close_early(phase, term=7, **OTHER)
    await combiner.close()


async def test_news_go_to_the_controller_that_gave_the_last_order(combiner, phase_of):
    """News that the earlier controller has not stored comes with it."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("update_folded")

    await combiner.close_early(phase, term=2, **OTHER)
    [folded] = await combiner.until("update_folded", controller="controller-2")
    [closed] = await combiner.until("phase_closed", controller="controller-2")

    assert folded.number < closed.number
    await combiner.close()


async def test_news_of_a_restarted_combiner_find_their_controller(combiner, phase_of):
    """The phase's record says whose it is, before anybody watches."""
    await combiner.restart()
    phase = phase_of("a", authority={"controller": "controller-2"})
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)

    await combiner.restart()

    [closed] = await combiner.until("phase_closed", controller="controller-2")
    assert closed.phase_closed.answers == 1
    await combiner.close()


@pytest.mark.parametrize(
    "authority",
    [
        {"controller": ""},
        {"session_id": ""},
        {"session_id": "another"},
        {"controller": "x" * 1000},
    ],
)
async def test_an_order_needs_an_authority_of_its_session(combiner, phase_of, authority):
    """An order without an authority, or with one of another session, is refused by name."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)
    wrong = {"controller": "controller-1", "term": 1, "session_id": "session"} | authority

    for name, order in orders(combiner, phase, **wrong).items():
        if name in {"plan", "reduce"} and authority.get("session_id"):
            continue  # they may be of any session
        with pytest.raises(InvalidInput) as refusal:
            await order()
        assert refusal.value.field == "authority", name
    assert combiner.phases() == [phase.phase_id]
    await combiner.close()


async def test_an_unknown_phase_cannot_be_closed(combiner, phase_of):
    """A close of an unknown phase fails, while a release counts as done already."""
    await combiner.restart()

    with pytest.raises(NotFound):
        await combiner.close_early(phase_of("a"))
    await combiner.release(phase_of("a"))
    await combiner.close()


async def test_an_exchange_is_told_and_receipted_once_it_is_stored(combiner, phase_of, says, sent):
    """Bytes and JSON are told as they came, and again after a restart; no model is needed."""
    await combiner.restart()
    phase = phase_of("a", "b", kind="EXCHANGE", model=None)
    await combiner.start(phase)
    value = bytes(range(256)) * 100
    combiner.result("a", says.exchange(phase, "a", '{"shares": [1, 2]}', value))

    await combiner.restart()
    a = combiner.connect("a")
    [told] = await combiner.until("exchange")
    assert told.exchange.value_json == '{"shares": [1, 2]}'
    assert told.exchange.value == value
    assert kinds(sent(a)) == ["welcome"]

    await combiner.acknowledge_all()
    [(_, receipt)] = sent(a)
    assert receipt.accepted
    combiner.result("b", says.exchange(phase, "b"))
    await combiner.until("exchange")
    await combiner.acknowledge_all()
    assert await totals(combiner, 1) == [(2, 2.0)]
    assert task_id_of(phase.phase_id, "a") == told.task_id
    await combiner.close()

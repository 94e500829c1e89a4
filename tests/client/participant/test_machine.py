"""The machine of a participant, in every order of events."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_coordinator import identities, parameters, seed_for

from fednet import limits
from fednet.client.participant.machine import Machine
from fednet.client.participant.state import State
from fednet.client.participant.values import (
    AskRound,
    AskSeeds,
    AskSums,
    Composed,
    ComposeSum,
    ComposeSum2,
    ComposeUpdate,
    Deliver,
    Delivered,
    GivenUp,
    KeyMade,
    MakeKey,
    ModelGiven,
    ModelUnfit,
    NothingNew,
    Phase,
    RoundSeen,
    SeedsSeen,
    Standing,
    SumsSeen,
    Wait,
)
from fednet.xaynet import SealingKey

ME, OTHER = identities(2)
SUM_ROUNDS = [parameters(seed_for([ME], [OTHER], first)) for first in (0, 1_000)]
UPDATE_ROUNDS = [parameters(seed_for([OTHER], [ME], first)) for first in (0, 1_000)]
IDLE_ROUND = replace(UPDATE_ROUNDS[0], update_probability=0.0)
ROUNDS = [*SUM_ROUNDS, *UPDATE_ROUNDS, IDLE_ROUND]
MESSAGES = [[b"sum", b"sum2"]] * 2 + [[b"update"]] * 2 + [[]]  # of each round
MODEL = np.array([0.5, 0.25])
ENOUGH_TURNS = 20


def machine(standing=Standing(), *, keeps_models=True, jitter=lambda: 1.0):  # noqa: B008  it cannot be changed
    return Machine(ME, standing, keeps_models=keeps_models, jitter=jitter)


def in_round(number, **options):
    made = machine(**options)
    made.apply(RoundSeen(ROUNDS[number]), 0.0)
    return made


class World:
    """A participant and its coordinator, which shows one round at a time."""

    def __init__(self, *, keeps_models):
        self.keeps_models = keeps_models
        self.machine = machine(keeps_models=keeps_models)
        self.now = 0.0
        self.shown = 0
        self.is_away = self.has_sums = self.has_seeds = False
        self.delivered = []  # of the round that the participant knows: the kinds of its messages
        self.seen = None

    def do(self, action):
        match action:
            case ("show", number):
                self.shown, self.has_sums, self.has_seeds = number, False, False
            case "away" | "back":
                self.is_away = action == "away"
            case "sums":
                self.has_sums = True
            case "seeds":
                self.has_seeds = True
            case "model":
                self.machine.apply(ModelGiven(MODEL.copy()), self.now)
            case "give up":
                self.machine.apply(GivenUp(), self.now)
            case "restart":
                state = State(ME, 1.0, self.machine.standing).to_list()
                self.machine = machine(
                    State.from_list(state).standing, keeps_models=self.keeps_models
                )
            case "time":
                self.now += limits.participant_pause_seconds_max
            case "turn":
                self.turn()

    def turn(self):
        order = self.machine.order(self.now)
        if isinstance(order, Wait):
            assert 0 < order.seconds <= limits.participant_pause_seconds_max
            return
        self.machine.apply(self.performed(order), self.now)

    def performed(self, order):
        """What comes of an order: messages are texts that name their kind."""
        match order:
            case MakeKey():
                return KeyMade(SealingKey(bytes(31) + b"k"))
            case ComposeSum():
                return Composed(b"sum")
            case ComposeUpdate(model, sums):
                assert sums == self.document
                return Composed(b"update", model)
            case ComposeSum2(_, seeds):
                assert seeds == self.document
                return Composed(b"sum2")
        return NothingNew() if self.is_away else self.answered(order)

    def answered(self, order):
        match order:
            case AskSums() if self.has_sums:
                return SumsSeen(self.document)
            case AskSeeds() if self.has_seeds:
                return SeedsSeen(self.document)
            case Deliver(message):
                self.delivered.append(message)
                return Delivered()
            case AskRound():
                return self.round_seen()
        return NothingNew()

    @property
    def document(self):
        """The dictionary of the round that the participant knows: of sums, or of seeds."""
        return {b"participant": bytes([self.seen])}

    def round_seen(self):
        if self.machine.standing.parameters != ROUNDS[self.shown]:
            self.delivered, self.seen = [], self.shown
        return RoundSeen(ROUNDS[self.shown])

    def check(self):
        wanted = [] if self.seen is None else MESSAGES[self.seen]
        assert self.delivered == wanted[: len(self.delivered)]


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("show"), st.integers(0, len(ROUNDS) - 1)),
        st.sampled_from(["away", "back", "sums", "seeds", "model", "give up", "restart"]),
        st.sampled_from(["time", "turn", "turn", "turn"]),
    ),
    max_size=60,
)


@given(ACTIONS, st.booleans())
def test_a_participant_sends_each_message_of_its_task_at_most_once_and_in_order(
    actions, keeps_models
):
    """Whatever the coordinator shows, and whenever the participant is restored from its state."""
    world = World(keeps_models=keeps_models)
    for action in actions:
        world.do(action)
        world.check()


@settings(max_examples=50)
@given(ACTIONS, st.integers(0, len(ROUNDS) - 1), st.booleans())
def test_a_participant_always_finishes_the_next_round(actions, number, keeps_models):
    """After any story, once the coordinator shows a new round with all documents, and a model is there."""
    world = World(keeps_models=keeps_models)
    for action in [*actions, "back", ("show", number), "sums", "seeds"]:
        world.do(action)
    is_same = world.machine.standing.parameters == ROUNDS[number]
    for _ in range(ENOUGH_TURNS):
        if world.machine.wants_model:
            world.do("model")
        world.do("time")
        world.do("turn")

    assert world.machine.standing.phase is Phase.DONE
    assert is_same or world.delivered == MESSAGES[number]


def test_pauses_grow_up_to_their_limit_and_start_anew_after_progress():
    """From 0.1 s by a fifth each time up to 10 s, as Xaynet's."""
    waiting = machine()
    now, seconds = 0.0, []
    for _ in range(40):
        waiting.apply(NothingNew(), now)
        seconds.append(waiting.order(now).seconds)
        now += seconds[-1]
    waiting.apply(RoundSeen(IDLE_ROUND), now)

    assert seconds[:3] == pytest.approx([0.1, 0.12, 0.144])
    assert seconds == sorted(seconds)
    assert seconds[-1] == limits.participant_pause_seconds_max
    assert waiting.order(now).seconds == pytest.approx(0.1)


def test_jitter_takes_up_to_half_of_a_pause():
    """So participants that have begun together do not ask together."""
    waiting = machine(jitter=lambda: 0.0)
    waiting.apply(NothingNew(), 5.0)

    assert waiting.order(5.0).seconds == pytest.approx(0.05)
    assert waiting.order(5.06) == AskRound()


def test_a_local_model_ends_the_pause_and_the_round_is_looked_at_first():
    """It may be over after a long training."""
    trains = in_round(2)
    trains.apply(SumsSeen({b"s": b"k"}), 0.0)
    assert isinstance(trains.order(0.0), Wait)
    trains.apply(ModelGiven(MODEL), 0.0)

    assert trains.order(0.0) == AskRound()
    trains.apply(RoundSeen(ROUNDS[2]), 0.0)
    assert trains.order(0.0) == ComposeUpdate(MODEL, {b"s": b"k"})


def test_a_model_without_the_task_does_not_end_the_pause():
    """It stays for later."""
    idle = in_round(4)
    idle.apply(ModelGiven(MODEL), 0.0)

    assert isinstance(idle.order(0.0), Wait)
    assert idle.standing.model is MODEL


@pytest.mark.parametrize("keeps_models", [True, False])
def test_a_model_outlives_its_round_only_where_it_is_kept(keeps_models):
    """A trained model belongs to its round; one that a user has set at any time does not."""
    trains = in_round(2, keeps_models=keeps_models)
    trains.apply(ModelGiven(MODEL), 0.0)
    trains.apply(RoundSeen(ROUNDS[3]), 0.0)

    assert (trains.standing.model is MODEL) is keeps_models


@pytest.mark.parametrize("event", [ModelUnfit(MODEL), Composed(b"update", MODEL)])
def test_a_model_that_came_meanwhile_is_not_dropped_with_the_used_one(event):
    """The user may set one while the one before is masked."""
    newer = MODEL.copy()
    trains = in_round(2)
    trains.apply(ModelGiven(MODEL), 0.0)
    trains.apply(ModelGiven(newer), 0.0)
    trains.apply(event, 0.0)

    assert trains.standing.model is newer


def test_each_new_round_is_told_once():
    """Also the first one, but not that of a restored standing."""
    first = in_round(0)
    restored = machine(first.standing)
    restored.apply(RoundSeen(ROUNDS[0]), 0.0)

    assert [first.take_new_round(), first.take_new_round()] == [True, False]
    assert restored.take_new_round() is False

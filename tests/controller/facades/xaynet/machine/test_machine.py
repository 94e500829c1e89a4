"""Laws of the coordinator's machine: any order of events, replays, strangers, restarts."""

import math
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fednet.controller.facades.xaynet.machine.machine import BEFORE_ALL, RoundMachine, Rules
from fednet.controller.facades.xaynet.machine.values import (
    Consequences,
    KeyMade,
    MakeKey,
    MaskEntry,
    ModelMade,
    PetPhase,
    Received,
    SumEntry,
    TimeCheck,
    Unmask,
    UnmaskingFailed,
    UpdateEntry,
    Verdict,
)
from fednet.controller.facades.xaynet.machine.windows import Course, Window

WINDOWS = {
    PetPhase.SUM: Window(1, 3, 2, 10),
    PetPhase.UPDATE: Window(3, 4, 3, 20),
    PetPhase.SUM2: Window(1, 3, 1, 10),
}
RULES = Rules(0.5, 0.9, WINDOWS, models_max=4)
NAMES = st.sampled_from([bytes([number]) * 32 for number in range(6)])
FOLLOWS = {
    PetPhase.IDLE: {PetPhase.SUM},
    PetPhase.SUM: {PetPhase.UPDATE, PetPhase.FAILURE},
    PetPhase.UPDATE: {PetPhase.SUM2, PetPhase.FAILURE},
    PetPhase.SUM2: {PetPhase.UNMASK, PetPhase.FAILURE},
    PetPhase.UNMASK: {PetPhase.IDLE, PetPhase.FAILURE},
    PetPhase.FAILURE: {PetPhase.IDLE},
}


def key(number):
    """A key that no other number has."""
    return KeyMade(number.to_bytes(32, "big"))


class AnyOrder(RuleBasedStateMachine):
    """A coordinator, and a model of what it has to do."""

    @initialize()
    def start(self):
        self.now = 0.0
        self.entered_at = 0.0
        self.entries = []
        self.keys = 0
        self.machine = RoundMachine(RULES, BEFORE_ALL, [], 0.0)

    def feed(self, event):
        before = self.machine.place
        consequences = self.machine.decide(event, self.now)
        assert self.machine.place == before  # to decide changes nothing
        self.machine.apply(consequences, self.now)
        if consequences.entry:
            self.entries.append(consequences.entry)
        if consequences.place:
            self.moved(before, consequences.place)
        return consequences

    def moved(self, before, after):
        assert after.phase in FOLLOWS[before.phase]
        seconds = self.now - self.entered_at
        if before.phase in WINDOWS:
            window = WINDOWS[before.phase]
            is_late = after.phase is PetPhase.FAILURE and seconds >= window.seconds_max
            is_tie = before.phase is PetPhase.SUM2 and after.phase is PetPhase.FAILURE
            is_full = self.count(before.phase) >= window.count_min
            assert is_late or (seconds >= window.seconds_min and is_full)
            assert after.phase is not PetPhase.FAILURE or is_late or is_tie
        if after.round_number != before.round_number:
            assert after.seed != before.seed
            assert after.round_number == before.round_number + 1
            self.entries = []
        if after.model_round != before.model_round:
            assert before.phase is PetPhase.UNMASK
            assert after.model_round == before.round_number
        self.entered_at = self.now

    def count(self, phase):
        kinds = {PetPhase.SUM: SumEntry, PetPhase.UPDATE: UpdateEntry, PetPhase.SUM2: MaskEntry}
        return sum(isinstance(entry, kinds[phase]) for entry in self.entries)

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0, 30.0]))
    def time_passes(self, seconds):
        self.now += seconds
        self.feed(TimeCheck())

    @rule()
    def a_key_is_made(self):
        if self.machine.order == MakeKey():
            self.keys += 1
        consequences = self.feed(key(self.keys))
        assert (consequences.place is None) or consequences.place.phase is PetPhase.SUM

    @rule(is_good=st.booleans())
    def the_model_is_made_or_not(self, is_good):
        order = self.machine.order
        if isinstance(order, Unmask):
            assert order.models == self.count(PetPhase.UPDATE)
        self.feed(ModelMade() if is_good else UnmaskingFailed("zero"))

    @rule(name=NAMES)
    def a_sum_participant_applies(self, name):
        known = name in self.machine.gathered.sums
        self.receive(SumEntry(name, name[::-1]), PetPhase.SUM, may_count=not known)

    @rule(name=NAMES, is_of_round=st.booleans())
    def an_update_arrives(self, name, is_of_round):
        keys = [*self.machine.gathered.sums] if is_of_round else [b"x" * 32]
        known = name in self.machine.gathered.updates
        fits = set(keys) == set(self.machine.gathered.sums)
        entry = UpdateEntry(name, dict.fromkeys(keys, b"s" * 80))
        self.receive(entry, PetPhase.UPDATE, may_count=fits and not known)

    @rule(name=NAMES, mask=st.sampled_from(["m1", "m2"]))
    def a_mask_arrives(self, name, mask):
        gathered = self.machine.gathered
        may_count = name in gathered.sums and name not in gathered.voters
        self.receive(MaskEntry(name, mask), PetPhase.SUM2, may_count=may_count)

    def receive(self, entry, phase, *, may_count):
        place = self.machine.place
        is_full = phase is place.phase and self.count(phase) >= WINDOWS[phase].count_max
        consequences = self.feed(Received(place.round_number, entry))
        counts = phase is place.phase and may_count and not is_full
        assert (consequences.verdict is Verdict.ACCEPTED) is counts
        assert (consequences.entry == entry) is counts
        assert counts or consequences.reason

    @rule(name=NAMES)
    def a_message_of_another_round_arrives(self, name):
        number = self.machine.place.round_number - 1
        consequences = self.feed(Received(number, SumEntry(name, name)))
        assert consequences.verdict is Verdict.DISCARDED

    @rule()
    def the_process_restarts(self):
        self.entered_at = self.now
        self.machine = RoundMachine(RULES, self.machine.place, self.entries, self.now)

    @invariant()
    def all_counts_are_those_of_the_accepted_messages(self):
        if not hasattr(self, "machine"):
            return
        gathered = self.machine.gathered
        masks = [entry.mask for entry in self.entries if isinstance(entry, MaskEntry)]
        assert gathered.votes == Counter(masks)
        assert len(gathered.sums) == self.count(PetPhase.SUM)
        assert all(set(seeds) == gathered.updates for seeds in gathered.seeds.values())

    @invariant()
    def something_happens_by_itself(self):
        """No phase waits for ever: time, or the work that it orders, ends it."""
        if not hasattr(self, "machine"):
            return
        left = self.machine.seconds_left(self.now)
        assert 0 <= left <= 20
        if self.machine.order is None:
            after = self.machine.decide(TimeCheck(), self.now + left)
            assert after.place


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=60)
TestAnyOrder = AnyOrder.TestCase


def entered(phase):
    """A machine in a phase, with three sum participants and three updates if they belong there."""
    sums = [SumEntry(bytes([number]) * 32, b"k" * 32) for number in range(3)]
    seeds = {each.participant: b"s" * 80 for each in sums}
    updates = [UpdateEntry(bytes([number]) * 32, seeds) for number in (7, 8, 9)]
    place = RoundMachine(RULES, BEFORE_ALL, [], 0).decide(key(1), 0).place
    entries = {PetPhase.SUM: [], PetPhase.UPDATE: sums, PetPhase.SUM2: sums + updates}[phase]
    changed = type(place)(**{**vars(place), "phase": phase})
    return RoundMachine(RULES, changed, entries, 0.0)


def voted(machine, masks):
    for number, mask in enumerate(masks):
        entry = MaskEntry(bytes([number]) * 32, mask)
        machine.apply(machine.decide(Received(1, entry), 1), 1)
    return machine.decide(TimeCheck(), 5)


def test_the_mask_with_most_votes_wins():
    """Two of three sum participants decide."""
    machine = entered(PetPhase.SUM2)

    machine.apply(voted(machine, ["a", "b", "b"]), 5)

    assert machine.order == Unmask("b", 3)


def test_a_tie_ends_the_round():
    """Neither sum of masks can be told to be the right one."""
    consequences = voted(entered(PetPhase.SUM2), ["a", "b"])

    assert consequences.place.phase is PetPhase.FAILURE
    assert "most votes" in consequences.place.reason


def test_a_phase_that_lacks_messages_ends_the_round():
    """The reason has the phase, both numbers and the time."""
    consequences = entered(PetPhase.UPDATE).decide(TimeCheck(), 20)

    assert consequences.place.reason == "the phase update had 0 of 3 messages after 20 s"


def test_a_phase_lasts_for_its_least_time():
    """Also if it has all its messages; a surplus one is discarded."""
    machine = entered(PetPhase.SUM)
    for number in range(3):
        entry = SumEntry(bytes([number]) * 32, b"k" * 32)
        machine.apply(machine.decide(Received(1, entry), 0), 0)

    surplus = machine.decide(Received(1, SumEntry(b"x" * 32, b"k" * 32)), 1)

    assert surplus.verdict is Verdict.DISCARDED
    assert machine.decide(TimeCheck(), 1.9) == Consequences()
    assert machine.decide(TimeCheck(), 2).place.phase is PetPhase.UPDATE


def test_more_models_than_the_masks_hold_are_rejected():
    """The sum would leave the group."""
    rules = Rules(0.5, 0.9, {**WINDOWS, PetPhase.UPDATE: Window(3, 100, 0, 9)}, models_max=3)
    full = entered(PetPhase.SUM2)
    place = type(full.place)(**{**vars(full.place), "phase": PetPhase.UPDATE})
    gathered = full.gathered
    entries = [
        *(SumEntry(*item) for item in gathered.sums.items()),
        *(UpdateEntry(each, dict.fromkeys(gathered.sums, b"")) for each in gathered.updates),
    ]
    machine = RoundMachine(rules, place, entries, 0)

    consequences = machine.decide(
        Received(1, UpdateEntry(b"n" * 32, dict.fromkeys(gathered.sums, b""))), 0
    )

    assert (consequences.verdict, consequences.reason) == (
        Verdict.REJECTED,
        "the masks hold 3 models",
    )


def test_a_window_never_waits_for_ever():
    """Its state changes when it says that it will."""
    window = Window(2, 3, 5, 10)

    for count in range(4):
        for seconds in (0.0, 4.9, 5.0, 9.9, 10.0, math.inf):
            left = window.seconds_left(count, seconds)
            assert (window.course(count, seconds) is Course.OPEN) is (left > 0)

"""Rounds in every order of events: late, lost and repeated messages, and restarts of every party.

A client's every call is a new process with the vault of the earlier ones (`secure_world`). The controller starts again
from the JSON of its record.
"""

import json
from dataclasses import replace

import numpy as np
from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from secure_world import SecureWorld, pet_terms, secagg_terms

from fednet.errors import SecureRoundFailed
from fednet.secure.protocols import protocol_of

NAMES = [f"client{number}" for number in range(6)]
TERMS = [pet_terms(6, 3, 2, quorum=2), pet_terms(6, 4, 2), secagg_terms(6)]
CLIENTS = st.sampled_from(NAMES)
LEAST = 4  # of six clients with which the rules go on; fewer are another test's matter


class RoundMachine(RuleBasedStateMachine):
    """One round; each rule is an event."""

    def __init__(self):
        super().__init__()
        self.world = None
        self.steps = []
        self.told = {}  # the messages of this step
        self.alive = frozenset()  # at its beginning
        self.messages = {}  # those whose clients may still answer
        self.answers = {}
        self.sent = []  # each message with its client and its answer
        self.end = ""

    @initialize(terms=st.sampled_from(TERMS))
    def begin(self, terms):
        self.world = SecureWorld(terms)
        protocol = self.world.protocol
        self.steps = [*protocol.before, "train", *protocol.after]
        self._ask()

    # Events

    @precondition(lambda self: not self.end)
    @rule(client=CLIENTS)
    def answers_now(self, client):
        """A client answers the message of this step, whichever has answered before."""
        if client in self.messages and client not in self.answers:
            self._answer(client)

    @precondition(lambda self: not self.end)
    @rule(clients=st.permutations(NAMES))
    def all_answer(self, clients):
        """Everybody who is left answers, in any order, and the step ends."""
        for client in clients:
            self.answers_now(client)
        self._close()

    @precondition(lambda self: not self.end and len(self.world.record.alive) > LEAST)
    @rule(client=CLIENTS)
    def vanishes(self, client):
        """A client is gone for good."""
        self._lose(client)

    @precondition(lambda self: not self.end and len(self.answers) >= LEAST)
    @rule()
    def deadline_passes(self):
        """The step ends with the answers that are in."""
        self._close()

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def message_comes_again(self, data):
        """A combiner delivers any earlier message once more: the answer is the same."""
        client, step, message, answer = data.draw(st.sampled_from(self.sent))

        again = self._answer_of(client, step, message)

        assert np.array_equal(again, answer) if isinstance(answer, np.ndarray) else again == answer

    @precondition(lambda self: self.world)
    @rule()
    def controller_starts_again(self):
        """Another process takes the round up; its messages are those of the one before."""
        record = self.world.record
        answers = json.loads(json.dumps(dict(record.answers)))
        self.world.record = replace(record, answers=answers)
        self.world.protocol = protocol_of(record.context.terms)
        if not self.end:
            assert self._told(self.alive) == self.told

    # What holds at all times

    @invariant()
    def nobody_reveals_both_secrets_of_a_client(self):
        """Of each client, its holders reveal shares of one kind."""
        kinds = {}
        for client, step, message, answer in self.sent:
            if step != "reveal":
                continue
            for share in answer["shares"]:
                kind = (message["dealers"], message["survivors"])
                assert kinds.setdefault((client, share["position"]), kind) == kind

    @invariant()
    def an_end_is_the_sum_or_a_reason(self):
        """A finished round has given the exact sum of the survivors."""
        if self.end == "sum":
            assert np.array_equal(self.world.unmasked(), self.world.expected())
            assert len(self.world.updates) >= 3

    def teardown(self):
        """Let the round come to its end: whoever is left answers."""
        while self.world and not self.end:
            for client in list(self.messages):
                if client in self.world.record.alive and client not in self.answers:
                    self._answer(client)
            self._close()
        self.an_end_is_the_sum_or_a_reason()
        event("the sum" if self.end == "sum" else "a reason")

    # The controller

    def _told(self, alive):
        record = replace(self.world.record, alive=alive)
        return json.loads(json.dumps(self.world.protocol.messages(self.steps[0], record)))

    def _ask(self):
        """Begin the next step; a failure ends the round."""
        self.answers, self.alive = {}, self.world.record.alive
        try:
            self.told = self._told(self.alive)
        except SecureRoundFailed as problem:
            self.end, self.told = str(problem), {}
        self.messages = dict(self.told)

    def _close(self):
        step, world = self.steps[0], self.world
        if step == "masks":
            self._close_masks()
            return
        if len(self.answers) < world.protocol.enough(step, world.record):
            self.end = f"too few answers in {step}"
            return
        if step == "train":
            world.updates = dict(self.answers)
            world.record = replace(world.record, survivors=tuple(self.answers))
        else:
            answers = {**world.record.answers, step: dict(self.answers)}
            world.record = replace(world.record, answers=answers)
        self._next()

    def _close_masks(self):
        """Keep the sums that are in; ask others for those of clients that are silent."""
        for client in list(self.messages):
            if client in self.answers:
                self.world.mask_sums.append(self.answers[client])
                done = [
                    *self.world.record.assigned.get(client, []),
                    *self.messages[client]["subsets"],
                ]
                assigned = {**self.world.record.assigned, client: done}
                self.world.record = replace(self.world.record, assigned=assigned)
            else:
                self._lose(client)
        self._ask()
        if not self.messages and not self.end:
            self.end = "sum"

    def _next(self):
        self.steps = self.steps[1:]
        if self.steps:
            self._ask()
            return
        try:
            self.world.protocol.unmasking(self.world.record)
            self.end = "sum"
        except SecureRoundFailed as problem:
            self.end = str(problem)

    # The clients

    def _lose(self, client):
        alive = self.world.record.alive - {client}
        self.world.record = replace(self.world.record, alive=alive)
        if client not in self.answers:
            self.messages = {name: each for name, each in self.messages.items() if name != client}

    def _answer(self, client):
        step, message = self.steps[0], self.messages[client]
        answer = self._answer_of(client, step, message)
        self.answers[client] = answer
        self.sent.append((client, step, message, answer))

    def _answer_of(self, client, step, message):
        if step == "train":
            return self.world.clients[client].masked_update(message)
        if step == "masks":
            return self.world.clients[client].sum_of_masks(message)
        return json.loads(json.dumps(self.world.clients[client].participant.answer(message)))


TestEveryOrder = RoundMachine.TestCase
TestEveryOrder.__doc__ = "A round ends with the exact sum or a reason, in every order of events."
TestEveryOrder.settings = settings(max_examples=40, stateful_step_count=40)

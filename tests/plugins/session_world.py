"""A world around one session's machine: combiners and clients that obey its orders, one event at a time.

Nothing here runs by itself. A test says which order arrives, which client answers, who moves and who dies; what
follows waits until the test lets it happen. So every order of events can be tried.
"""

from dataclasses import dataclass, field

from fednet.contract import SessionOptions, options_of
from fednet.controller.sessions.machine.events import (
    Answered,
    Began,
    ClientJoined,
    ClientLeft,
    CombinerDown,
    CombinerUp,
    PhaseBegun,
    PhaseClosed,
    Planned,
    Reduced,
    TimePassed,
    Unanswered,
    Unheard,
    Withdrawn,
)
from fednet.controller.sessions.machine.kernel import Machine
from fednet.controller.sessions.machine.orders import (
    ClosePhase,
    PlanRound,
    ReduceRound,
    ReleasePhase,
    StartPhase,
    WithdrawClients,
)
from fednet.controller.sessions.machine.state import BlobRef, Session
from fednet.digests import Digest

KINDS = frozenset(
    {
        "TRAIN",
        "TRAIN_PRIVATELY",
        "TRAIN_MASKED",
        "SUM_MASKS",
        "VALIDATE",
        "PREDICT",
        "EXCHANGE_SECURELY",
    }
)
OPEN, ANSWERED, UNANSWERED = "open", "answered", "unanswered"


def session_with(**given):
    """Return a session with these fields, of which some are options; it validates and repeats nothing unless told."""
    names = {option.name for option in options_of(SessionOptions)} - {"helper"}
    options = {name: value for name, value in given.items() if name in names}
    options = {"validate": False, "round_retries": 0} | options
    fields = {name: value for name, value in given.items() if name not in names}
    return Session(options=SessionOptions(**options), **fields)


@dataclass
class Held:
    """A phase as a combiner holds it."""

    kind: str
    attempt: int
    tasks: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    messages: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    is_closed: bool = False
    is_closing: bool = False


@dataclass
class Combiner:
    """One combiner: its clients, its phases, and its news."""

    name: str
    is_up: bool = True
    clients: set = field(default_factory=set)
    phases: dict = field(default_factory=dict)


class World:
    """The surroundings of one session.

    Attributes:
        machine: The session's machine.
        now: Seconds since 1970.
        orders: The orders on their way, oldest first.
        news: The events on their way, oldest first.
        trainings: How often each client has worked for each phase.
        decisions: Everything that the machine has decided.
    """

    def __init__(self, session, places, plan=None, allowing=(), clients=None):
        self.plan = plan
        self.machine = Machine(session, plan)
        self.now = 1000.0
        self.allowing = set(allowing)
        self.clients = clients
        self.orders, self.news, self.decisions = [], [], []
        self.trainings, self.kept = {}, set()
        self.combiners = {name: Combiner(name, clients=set(them)) for name, them in places.items()}
        for combiner in self.combiners.values():
            self.tell(self.up(combiner))

    @property
    def session(self):
        return self.machine.session

    @property
    def step(self):
        """The name of the step under way."""
        return self.session.round.step if self.session.round else None

    def up(self, combiner):
        clients = dict.fromkeys(sorted(combiner.clients), KINDS)
        allows = combiner.name in self.allowing
        return CombinerUp(combiner.name, clients, allows, frozenset(combiner.phases))

    def tell(self, event, later=0.0):
        """Tell the machine an event; its decision is on its way then."""
        self.now += later
        decision = self.machine.handle(event, self.now)
        self.decisions.append(decision)
        self.orders += decision.orders
        return decision

    def begin(self):
        return self.tell(Began())

    def pass_time(self):
        """Jump to the next deadline."""
        deadline = self.machine.next_deadline()
        assert deadline is not None, "nothing is awaited"
        self.now = max(self.now, deadline)
        return self.tell(TimePassed())

    # The possible next events

    def obey(self, index=0):
        """Let one order arrive."""
        order = self.orders.pop(index)
        combiner = self.combiners[order.combiner]
        if not combiner.is_up:
            self.news.append(Unheard(order))
            return
        match order:
            case StartPhase():
                self._start(combiner, order)
            case ClosePhase(_, phase_id):
                self._close(combiner, phase_id)
            case WithdrawClients(_, phase_id, clients):
                self._withdraw(combiner, phase_id, clients)
            case ReleasePhase(_, phase_id):
                combiner.phases.pop(phase_id, None)
            case PlanRound(_, current, clients):
                self.news.append(Planned(current.id, current.attempt, list(clients), {"lr": 1}))
            case ReduceRound(_, current):
                self._check_parts(current)
                if self.clients:
                    self.clients.check_sum(current, self.answered)
                model = BlobRef(current.model_id, Digest.read("1" * 64, 2))
                self.news.append(Reduced(model, 0.1))

    def hear(self, index=0):
        """Let one piece of news arrive."""
        return self.tell(self.news.pop(index))

    def open_tasks(self):
        """Return every task that a connected client could answer now: (combiner, phase id, client)."""
        return [
            (combiner.name, phase_id, client)
            for combiner in self.combiners.values()
            if combiner.is_up
            for phase_id, held in combiner.phases.items()
            for client, state in held.tasks.items()
            if state == OPEN and client in combiner.clients
        ]

    def answer(self, combiner, phase_id, client, *, fails=False):
        """Let a client answer; it works only if it does not hold the answer already."""
        held = self.combiners[combiner].phases[phase_id]
        if fails:
            held.tasks[client] = UNANSWERED
            self.news.append(Unanswered(phase_id, client, client, "failed"))
        else:
            if (client, phase_id) not in self.kept:
                self.work(client, phase_id)
            self.kept.discard((client, phase_id))
            held.tasks[client] = ANSWERED
            value = held.values.setdefault(client, self._value(held, phase_id, client))
            self.news.append(Answered(phase_id, combiner, client, 10.0, {"train": 1.0}, value))
        self._close_if_done(self.combiners[combiner], phase_id)

    def _value(self, held, phase_id, client):
        """Return the client's part of an exchange, if the task is one."""
        if client not in held.messages:
            return {}
        return self.clients.answer(client, held.kind, phase_id, held.messages[client])

    def answered(self, phase):
        """Return the clients whose answers are in a phase, by what the machine counts."""
        shares = [(name, share) for name, share in phase.shares.items() if share.answers]
        tasks = [self.combiners[name].phases[phase.phase_id].tasks for name, _ in shares]
        return sorted(
            client for each in tasks for client, state in each.items() if state == ANSWERED
        )

    def work(self, client, phase_id):
        """Let a client work for a phase, and keep its answer."""
        self.trainings[client, phase_id] = self.trainings.get((client, phase_id), 0) + 1
        self.kept.add((client, phase_id))

    def move(self, client, to):
        """Break a client's stream; it connects to another combiner."""
        for combiner in self.combiners.values():
            if client in combiner.clients:
                combiner.clients.discard(client)
                if combiner.is_up:
                    self.news.append(ClientLeft(combiner.name, client))
        self.combiners[to].clients.add(client)
        if self.combiners[to].is_up:
            self.news.append(ClientJoined(to, client, KINDS))

    def kill(self, name, *, loses_disk=False):
        """Kill a combiner; its clients are where they were until they move."""
        combiner = self.combiners[name]
        combiner.is_up = False
        if loses_disk:
            combiner.phases = {}
        self.news = [each for each in self.news if getattr(each, "combiner", None) != name]
        self.news.append(CombinerDown(name))

    def revive(self, name):
        """Bring a combiner back with its spool; it tells again all that may not have been stored."""
        combiner = self.combiners[name]
        combiner.is_up = True
        self.news.append(self.up(combiner))
        for phase_id, held in combiner.phases.items():
            for client, state in held.tasks.items():
                if state == ANSWERED:
                    told = Answered(phase_id, name, client, 10.0, value=held.values.get(client, {}))
                    self.news.append(told)
            held.is_closed = False
            self._close_if_done(combiner, phase_id)

    def reach_deadline(self):
        """Let the deadline pass: combiners close their phases and say so, then the machine hears of the time."""
        self._settle()
        for combiner in self.combiners.values():
            for phase_id in combiner.phases if combiner.is_up else ():
                self._close(combiner, phase_id)
        self._settle()
        if not self.open_tasks() and self.machine.next_deadline() is not None:
            self.pass_time()

    def _settle(self):
        while self.orders or self.news:
            if self.orders:
                self.obey()
            else:
                self.hear()

    def play(self, steps_max=2000):
        """Let everything happen in its order until the session has ended."""
        for _ in range(steps_max):
            if self.session.status.is_final:
                return
            if self.orders:
                self.obey()
            elif self.news:
                self.hear()
            elif tasks := self.open_tasks():
                self.answer(*tasks[0])
            else:
                self.pass_time()
        raise AssertionError(f"the session hangs: {self.session}")

    def _check_parts(self, current):
        """Check that combiners hold the updates that the machine counts, and that no client's update counts twice."""
        for part in current.parts:
            counted = []
            for name, share in part.shares.items():
                if share.answers and self.combiners[name].is_up:
                    tasks = self.combiners[name].phases[part.phase_id].tasks
                    here = [client for client, state in tasks.items() if state == ANSWERED]
                    assert len(here) == share.answers
                    counted += here
            assert len(counted) == len(set(counted))

    # Combiners

    def _start(self, combiner, order):
        held = combiner.phases.setdefault(order.phase_id, Held(order.phase.kind, order.attempt))
        if order.attempt < held.attempt:
            return
        reopens = order.attempt > held.attempt
        held.attempt = order.attempt
        held.settings = order.phase.client_settings
        held.messages = order.phase.messages
        for client in order.clients:
            state = held.tasks.get(client)
            if state is None or (reopens and state == UNANSWERED):
                held.tasks[client] = OPEN
        if reopens or any(state == OPEN for state in held.tasks.values()):
            held.is_closed = False
        if reopens:
            held.is_closing = False
        self.news.append(PhaseBegun(combiner.name, order.phase_id))
        self._close_if_done(combiner, order.phase_id)

    def _close(self, combiner, phase_id):
        if held := combiner.phases.get(phase_id):
            held.is_closing = True
            for client, state in held.tasks.items():
                if state == OPEN:
                    held.tasks[client] = UNANSWERED
            self._close_if_done(combiner, phase_id)

    def _withdraw(self, combiner, phase_id, clients):
        held = combiner.phases.get(phase_id)
        tasks = held.tasks if held else {}
        gone = {client for client in clients if tasks.get(client) != ANSWERED}
        for client in gone:
            tasks.pop(client, None)
        self.news.append(Withdrawn(combiner.name, phase_id, frozenset(gone)))
        if held:
            self._close_if_done(combiner, phase_id)

    def _close_if_done(self, combiner, phase_id):
        held = combiner.phases[phase_id]
        states = list(held.tasks.values())
        if held.is_closed or OPEN in states:
            return
        held.is_closed = True
        answers = states.count(ANSWERED)
        self.news.append(
            PhaseClosed(combiner.name, phase_id, answers, 10.0 * answers, attempt=held.attempt)
        )


def restarted(world):
    """Return the same world with another machine, as another controller takes the session up from its document."""
    world.machine = Machine(Session.from_dict(world.session.to_dict()), world.plan)
    for combiner in world.combiners.values():
        if combiner.is_up:
            world.tell(world.up(combiner))
    for combiner in world.combiners.values():
        for phase_id, held in combiner.phases.items():
            for client, state in held.tasks.items():
                if state == ANSWERED:
                    value = held.values.get(client, {})
                    world.tell(Answered(phase_id, combiner.name, client, 10.0, value=value))
    world.begin()
    return world

"""The coordinator at work: it feeds its machine, stores all consequences, and only then tells anybody."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol

from fednet import limits
from fednet.errors import (
    Conflict,
    FednetError,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Unavailable,
)
from fednet.xaynet import (
    ExactModel,
    MaskObject,
    SealingKey,
    model_to_bytes,
    seed_dictionary_to_bytes,
    unmask,
)

from ...leases import Leases
from .archive import Archive
from .config import CoordinatorConfig
from .intake import Opened, open_message
from .machine.machine import RoundMachine, Rules
from .machine.values import (
    Consequences,
    Event,
    KeyMade,
    MakeKey,
    MaskEntry,
    ModelMade,
    PetPhase,
    TimeCheck,
    Unmask,
    UnmaskingFailed,
    UpdateEntry,
    Verdict,
)
from .machine.windows import Window
from .parts import Parts
from .public_state import PublicState, public_state_of

_log = logging.getLogger(__name__)


class Gallery(Protocol):
    """The place of finished models for people."""

    def keep(self, model: ExactModel, round_seed: bytes) -> None:
        """Keep the model of a round; the same one again changes nothing."""


class Coordinator:
    """Coordinates rounds, unless another controller does.

    Args:
        config: Its configuration.
        archive: Its stored state.
        leases: The controllers that are alive.
        gallery: Takes the finished models.
        parts_of: Opens the chunks below a key.

    Attributes:
        turns: Held by whoever reads a message and gives it to `receive`: a message may be large.
    """

    def __init__(
        self,
        config: CoordinatorConfig,
        archive: Archive,
        leases: Leases,
        gallery: Gallery,
        parts_of: Callable[[str], Parts],
    ) -> None:
        self._config = config
        self._rules = rules_of(config)
        self._archive = archive
        self._leases = leases
        self._gallery = gallery
        self._parts_of = parts_of
        self.turns = threading.BoundedSemaphore(limits.xaynet_open_messages_max)
        self._lock = threading.Lock()  # over all below
        self._machine: RoundMachine | None = None
        self._total: MaskObject | None = None
        self._shown: PublicState | None = None
        self._verdicts: Counter[Verdict] = Counter()
        self._looked_at = time.monotonic()
        self._changed = threading.Event()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="xaynet", daemon=True)

    def start(self) -> None:
        """Begin, or go on where the rounds have stopped."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the round goes on with the next start."""
        self._is_stopping = True
        self._changed.set()
        self._thread.join()

    # For participants; every method raises Unavailable while another controller coordinates.

    def receive(self, body: bytes) -> None:
        """Take a message of a participant; the sender does not learn if it counts.

        Raises:
            Unavailable: It could not be stored, or another controller coordinates.
        """
        shown = self._showing()
        try:
            opened = open_message(body, shown.round, shown.parts.join)
        except (InvalidInput, LimitExceeded) as error:
            self._note(Verdict.REJECTED, str(error))
            return
        if opened is not None:
            self._take(opened)

    def parameters(self) -> bytes:
        """Return the parameters of the round."""
        return self._showing().round.parameters.to_bytes()

    def sums(self) -> bytes | None:
        """Return the sum dictionary; None if it is not complete or not used any more."""
        return self._showing().sums

    def seeds(self, participant: bytes) -> bytes | None:
        """Return the seeds for a sum participant; None if they are not complete, or there are none for it."""
        seeds = (self._showing().seeds or {}).get(participant)
        return None if seeds is None else seed_dictionary_to_bytes(seeds)

    def model(self) -> Iterator[bytes] | None:
        """Return the newest model in pieces; None if there is none yet."""
        model_round = self._showing().model_round
        return self._archive.model(model_round) if model_round else None

    def _showing(self) -> PublicState:
        if self._shown is None:
            raise Unavailable("Another controller coordinates now, or the stores are away.")
        return self._shown

    def _take(self, opened: Opened) -> None:
        with self._lock:
            consequences = self._fed(opened.event, opened.numbers)
        assert consequences.verdict is not None
        self._note(consequences.verdict, consequences.reason)
        self._changed.set()

    def _note(self, verdict: Verdict, reason: str) -> None:
        """Count a message; the log shows the counts of each phase, so that strangers cannot fill it."""
        with self._lock:
            self._verdicts[verdict] += 1
        if reason:
            _log.debug("a message is %s: %s", verdict, reason)

    # The thread

    def _run(self) -> None:
        while not self._is_stopping:
            self._changed.clear()
            seconds = self.step()
            if not self._is_stopping:
                self._changed.wait(seconds)

    def step(self) -> float:
        """Do what is due, or take up the stored state; return the seconds until the next step.

        The thread calls it. A fault is logged, and the next step begins from the stored state.
        """
        try:
            with self._lock:
                return min(self._next(), limits.lease_renew_seconds)
        except Conflict:
            _log.warning("another controller coordinates Xaynet's rounds now")
        except FednetError as error:
            _log.warning("Xaynet's round waits for the stores: %s", error)
        except Exception:  # noqa: BLE001  the stored state is taken up again
            _log.exception("the coordinator begins again from its stored state")
        return limits.xaynet_retry_seconds

    def _next(self) -> float:
        """Do what is due; after a fault, what is in memory may be half of it, and is given up."""
        try:
            return self._done()
        except BaseException:
            self._give_up()
            raise

    def _done(self) -> float:
        self._check_right()
        if self._machine is None and not self._taken_up():
            return limits.lease_renew_seconds
        machine = self._machine
        assert machine is not None
        match machine.order:
            case MakeKey():
                self._fed(KeyMade(SealingKey.generate().secret))
                self._archive.clean()
            case Unmask() as order:
                self._fed(self._unmasked(order))
            case None:
                self._fed(TimeCheck())
        return machine.seconds_left(time.monotonic())

    def _check_right(self) -> None:
        """Give up if another controller has taken over while this process stood still."""
        now, before = time.monotonic(), self._looked_at
        self._looked_at = now
        stood_still = now - before > limits.lease_seconds
        if self._machine and (
            not self._leases.is_held or (stood_still and not self._archive.is_ours())
        ):
            self._give_up()

    def _taken_up(self) -> bool:
        """Take up the stored state, unless a living controller has it."""
        owner = self._archive.owner()
        is_ours = owner == self._leases.owner
        if not self._leases.is_held or not (is_ours or self._leases.holder(owner) is None):
            return False
        stored = self._archive.take(self._leases.owner)
        self._total = stored.total
        self._machine = RoundMachine(self._rules, stored.place, stored.entries, time.monotonic())
        _log.info(
            "coordinates Xaynet's rounds: round %s, phase %s",
            *(stored.place.round_number, stored.place.phase),
        )
        self._show()
        return True

    def _give_up(self) -> None:
        self._machine, self._total, self._shown = None, None, None

    # Decisions

    def _fed(self, event: Event, numbers: MaskObject | None = None) -> Consequences:
        """Decide on an event, and store the consequences before anybody sees them."""
        if self._machine is None:
            raise Unavailable("Another controller coordinates now, or the stores are away.")
        consequences = self._machine.decide(event, time.monotonic())
        if consequences.entry is None and consequences.place is None:
            return consequences
        try:
            self._store(consequences, numbers)
        except BaseException:
            self._give_up()  # memory may be ahead of the store; it is read anew
            raise
        self._machine.apply(consequences, time.monotonic())
        if consequences.place:
            self._entered()
        return consequences

    def _store(self, consequences: Consequences, numbers: MaskObject | None) -> None:
        total = None
        match consequences.entry:
            case UpdateEntry() if numbers is not None:
                total = self._total
                assert total is not None
                total.add(numbers)
            case MaskEntry(_, digest) if numbers is not None:
                self._archive.put_mask(digest, numbers)
        self._archive.commit(consequences.entry, consequences.place, total)

    def _unmasked(self, order: Unmask) -> ModelMade | UnmaskingFailed:
        """Make the model of the round, and keep it; after a crash it is made again."""
        machine, total = self._machine, self._total
        assert machine is not None
        assert total is not None
        place = machine.place
        masked = MaskObject(total.config, total.vector.copy(), total.unit)
        try:
            model = unmask(masked, self._archive.mask(order.mask), order.models)
            self._gallery.keep(model, place.seed)
        except (InvalidInput, NotFound) as error:
            return UnmaskingFailed(str(error))
        self._archive.put_model(place.round_number, model_to_bytes(model))
        return ModelMade()

    def _entered(self) -> None:
        """Tell of a new phase."""
        assert self._machine is not None
        place = self._machine.place
        if place.phase is PetPhase.SUM:
            self._total = MaskObject.zero(self._config.mask.config(), self._config.model.length)
        self._log_messages()
        if place.phase is PetPhase.FAILURE:
            _log.warning("Xaynet's round %s failed: %s", place.round_number, place.reason)
        else:
            _log.info("Xaynet's round %s: phase %s", place.round_number, place.phase)
        self._show()

    def _log_messages(self) -> None:
        """Log the counts of messages since the phase before began."""
        if self._verdicts:
            counts = [f"{count} {verdict}" for verdict, count in sorted(self._verdicts.items())]
            _log.info("messages of the phase that ends: %s", ", ".join(counts))
            self._verdicts.clear()

    def _show(self) -> None:
        """Let participants see the present phase, if a round has a key."""
        assert self._machine is not None
        place, before = self._machine.place, self._shown
        if not place.secret:
            return
        is_same = before is not None and before.round.number == place.round_number
        parts = before.parts if before and is_same else self._parts_of(self._archive.parts_folder)
        self._shown = public_state_of(self._machine, self._config, parts)


def rules_of(config: CoordinatorConfig) -> Rules:
    """Return the rules of the machine."""
    pet = config.pet
    phases = {PetPhase.SUM: pet.sum, PetPhase.UPDATE: pet.update, PetPhase.SUM2: pet.sum2}
    windows = {
        phase: Window(each.count.min, each.count.max, each.time.min, each.time.max)
        for phase, each in phases.items()
    }
    return Rules(pet.sum.prob, pet.update.prob, windows, config.mask.config().models_max)

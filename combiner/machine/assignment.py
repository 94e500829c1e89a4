"""The assignment of a phase, and how later orders change it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from fednet.privacy import PrivacyTerms
from fednet.secure.terms import SecureTerms
from fednet.task_ids import task_id_of
from fednet.update_codec import PLAIN_CODEC, UpdateCodec

from .values import NO_JSON, Authority, Blob, JsonObject, PhaseContext, Task, TaskKind

# Later orders of a phase change its clients, deadline and settings, never the fields that answers are checked against.
_FIXED: Final = (
    "session_id",
    "kind",
    "model",
    "helper",
    "aggregator",
    "keep_updates",
    "privacy",
    "secure",
)


@dataclass(frozen=True)
class Assignment:
    """One kind of task for some of this combiner's clients, as the controller orders it.

    Args:
        seconds_max: Seconds after which the phase closes with the answers that are in.
        share_partial: Several combiners take part: the partial goes into the blob store.
        keep_updates: Server functions will aggregate: updates are kept with their labels, not folded.
        retain_updates: The updates outlive the release of the phase, for people.
        client_settings: By client id: settings that replace those of the same name in `settings`.
        attempt: A higher attempt opens the phase again.
        warrant: The controller's signature over the tasks, for the clients.
        update_codec: The codec for the updates of clients that know it.
        examples_max: The largest number of examples for which an update counts.
        privacy: The terms of privacy under which all updates count alike; None without.
        secure: The terms of secure aggregation; None without.
        client_messages: By client id: its message of secure aggregation.
        traceparent: The place of the round's span.
    """

    authority: Authority
    phase_id: str
    session_id: str
    kind: TaskKind
    helper: str
    clients: tuple[str, ...]
    seconds_max: float
    model: Blob | None = None
    package: Blob | None = None
    round_id: str = ""
    round_number: int = 0
    settings: JsonObject = NO_JSON
    client_settings: Mapping[str, JsonObject] = field(default_factory=dict)
    aggregator: str = ""
    aggregator_settings: JsonObject = NO_JSON
    share_partial: bool = False
    keep_updates: bool = False
    retain_updates: bool = False
    attempt: int = 0
    warrant: str = ""
    update_codec: UpdateCodec = PLAIN_CODEC
    examples_max: float | None = None
    privacy: PrivacyTerms | None = None
    secure: SecureTerms | None = None
    client_messages: Mapping[str, JsonObject] = field(default_factory=dict)
    traceparent: str = ""

    @property
    def context(self) -> PhaseContext:
        """The place of the phase in its session, for news."""
        return PhaseContext(
            phase_id=self.phase_id,
            session_id=self.session_id,
            round_id=self.round_id,
            round_number=self.round_number,
            model_id=self.model.id if self.model else "",
            kind=self.kind,
        )

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """The blobs that clients need for it."""
        return tuple(blob for blob in (self.model, self.package) if blob)

    def task_for(self, client: str, seconds_left: float) -> Task:
        """Return the task of a client, with its own settings over those of the phase."""
        own = self.client_settings.get(client)
        merged = json.dumps({**self.settings.value, **own.value}) if own else self.settings.text
        return Task(
            task_id=task_id_of(self.phase_id, client),
            context=self.context,
            helper=self.helper,
            settings_json=merged,
            seconds_left=seconds_left,
            model=self.model,
            package=self.package,
            warrant=self.warrant,
            update_codec=self.update_codec,
            privacy=self.privacy,
            secure=self.secure,
            message=self.client_messages.get(client, NO_JSON),
        )

    def field_changed_by(self, later: Assignment) -> str | None:
        """Return the first field that a later order of the phase may not change, and changes."""
        changed = (name for name in _FIXED if getattr(self, name) != getattr(later, name))
        return next(changed, None)


@dataclass(frozen=True)
class PhaseRecord:
    """A phase as it is kept on disk: the newest assignment, and since when it counts.

    Args:
        opened_at: Time of the newest attempt, in seconds since 1970.
        withdrawn: Clients that have moved to another combiner.
    """

    assignment: Assignment
    opened_at: float
    withdrawn: frozenset[str] = frozenset()

    @property
    def deadline(self) -> float:
        """The time at which the phase closes, in seconds since 1970."""
        return self.opened_at + self.assignment.seconds_max

    def is_changed_by(self, later: Assignment) -> bool:
        """Return True if a further Start of the phase changes anything."""
        present = self.assignment
        if later.attempt != present.attempt:
            return later.attempt > present.attempt
        shares = later.share_partial and not present.share_partial
        return shares or not set(later.clients) <= set(present.clients)

    def started_again(self, later: Assignment, now: float) -> PhaseRecord:
        """Add a later Start; the caller has asked `is_changed_by`."""
        present, is_next = self.assignment, later.attempt > self.assignment.attempt
        source = later if is_next else replace(later, seconds_max=present.seconds_max)
        assignment = replace(
            source,
            clients=tuple(dict.fromkeys([*present.clients, *later.clients])),
            client_settings={**present.client_settings, **later.client_settings},
            client_messages={**present.client_messages, **later.client_messages},
            share_partial=present.share_partial or later.share_partial,
            retain_updates=present.retain_updates or later.retain_updates,
            package=present.package or later.package,
        )
        return PhaseRecord(
            assignment,
            now if is_next else self.opened_at,
            self.withdrawn.difference(later.clients),
        )

    def without(self, clients: Collection[str]) -> PhaseRecord:
        """Take clients out."""
        kept = tuple(each for each in self.assignment.clients if each not in clients)
        moved = self.withdrawn.union(set(self.assignment.clients).intersection(clients))
        return replace(self, assignment=replace(self.assignment, clients=kept), withdrawn=moved)

    def under(self, authority: Authority) -> PhaseRecord:
        """Note a new authority."""
        return replace(self, assignment=replace(self.assignment, authority=authority))


def tasks_of(phase_id: str, clients: Iterable[str]) -> dict[str, str]:
    """Return the client of each task, by the task's id."""
    return {task_id_of(phase_id, client): client for client in clients}

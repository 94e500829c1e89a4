"""The cleaner: deletes in small steps what the rules do not keep, and can be stopped after each step.

A step ends with a position, from which any controller can go on. A model is marked first, then its blob is deleted and
its document last, so a `kill -9` in between leaves a marked document, which a later run finds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Self, TypeAlias

from fednet import limits
from fednet.errors import InvalidInput
from fednet.storage import Blobs, Query

from ..audit.log import AuditLog
from ..records import Records
from ..store_mark import belong_together
from .models import ModelFiles
from .orphans import OrphanedBlobs
from .protection import ids_in_use, protection_of
from .rules import Aged, Rule, Surplus, seconds_of, surplus

STATUSES: Final = "statuses"
ANSWERS: Final = "answers"
MODELS: Final = "models"
FILES: Final = "files"
AUDIT: Final = "audit"
ORPHANS: Final = "orphans"
_STEPS: Final = (STATUSES, ANSWERS, MODELS, FILES, AUDIT, ORPHANS)
POSITION_PATTERN: Final = rf"^({'|'.join(_STEPS)}):([0-9]{{1,15}}):([0-9]{{1,15}})$"


@dataclass(frozen=True)
class Position:
    """The place in a run.

    Attributes:
        step: The step.
        passed: The number of documents of the step that were looked at and are there still.
        found: The number of these that would be deleted, in a run that only looks; in the step of files, the number of
            the session's models that it has looked at.
    """

    step: str = _STEPS[0]
    passed: int = 0
    found: int = 0

    def next_step(self) -> Position | None:
        """Return the beginning of the next step; None after the last."""
        following = _STEPS[_STEPS.index(self.step) + 1 :]
        return Position(following[0]) if following else None

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `str` has given.

        Raises:
            InvalidInput: It is no position.
        """
        found = re.fullmatch(POSITION_PATTERN, text)
        if found is None:
            raise InvalidInput(
                f"Invalid position {text[:100]!r}: use the `next` of an earlier answer.",
                field="position",
            )
        return cls(found[1], int(found[2]), int(found[3]))

    def __str__(self) -> str:
        return f"{self.step}:{self.passed}:{self.found}"


@dataclass(frozen=True)
class Run:
    """The way in which a run cleans.

    Attributes:
        only_looks: True if nothing is deleted.
        older_than_seconds: Replaces the ages of the rules, except for that of the audit log; None to keep them.
    """

    only_looks: bool = False
    older_than_seconds: float | None = None

    def rule(self, rule: Rule) -> Rule:
        """Return a rule with the age of this run."""
        if self.older_than_seconds is None:
            return rule
        return replace(rule, seconds_max=self.older_than_seconds)


@dataclass(frozen=True)
class Cleaned:
    """The outcome of some steps.

    Attributes:
        count: The number of deleted objects by kind; of those that would be deleted, if the run only looks.
        size_bytes: The bytes of their files, by kind.
        position: The position to go on from; None if the run is over.
    """

    count: Mapping[str, int]
    size_bytes: Mapping[str, int]
    position: Position | None


@dataclass(frozen=True)
class _Done:
    count: int
    position: Position | None
    size_bytes: int = 0


_Step: TypeAlias = Callable[[Position, Run], _Done]


class Cleaner:
    """Cleans the stores of a network.

    Args:
        records: The documents.
        blobs: The blobs.
        audit: The audit log.
        rules: The rules by kind: statuses, answers, models and audit.
    """

    def __init__(
        self, records: Records, blobs: Blobs, audit: AuditLog, rules: Mapping[str, Rule]
    ) -> None:
        self._records = records
        self._audit = audit
        self._rules = rules
        self._files = ModelFiles(records, blobs)
        self._orphans = OrphanedBlobs(records, blobs, self._files)
        self._blobs = blobs
        self._steps: Mapping[str, _Step] = {
            STATUSES: partial(self._clean_documents, "timestamp"),
            ANSWERS: partial(self._clean_documents, "happened_at"),
            MODELS: self._clean_models,
            FILES: self._clean_files,
            AUDIT: self._clean_audit,
            ORPHANS: self._clean_orphans,
        }

    def clean(self, position: Position, run: Run, seconds_max: float) -> Cleaned:
        """Do steps from a position on, at least one, and further ones until the time is over.

        Raises:
            Unavailable: A store does not answer; the run may be repeated.
        """
        deadline = time.monotonic() + seconds_max
        count = dict.fromkeys(_STEPS, 0)
        size_bytes = dict.fromkeys((MODELS, FILES, ORPHANS), 0)
        going_on: Position | None = position
        while going_on is not None:
            step = going_on.step
            done = self._steps[step](going_on, run)
            count[step] += done.count
            if step in size_bytes:
                size_bytes[step] += done.size_bytes
            going_on = done.position
            if time.monotonic() >= deadline:
                break
        return Cleaned(count, size_bytes, going_on)

    # Documents that stand by themselves

    def _clean_documents(self, field: str, position: Position, run: Run) -> _Done:
        collection, rule = position.step, run.rule(self._rules[position.step])
        # The answers of phases that unfinished sessions name are the state of these.
        in_use = ids_in_use(self._records) if collection == ANSWERS else frozenset()
        chosen = self._chosen(position, field, rule, lambda each: each.get("phase_id") in in_use)
        if not run.only_looks:
            for id_ in chosen.ids:
                self._records.documents.delete(collection, id_)
        return _Done(len(chosen.ids), _following(position, chosen, run))

    def _chosen(
        self,
        position: Position,
        field: str,
        rule: Rule,
        is_protected: Callable[[dict[str, object]], bool],
    ) -> Surplus:
        """Choose among the next page of a collection, the oldest first."""
        collection = position.step
        page = Query(sort=field, skip=position.passed, limit=limits.page_items_max)
        documents = self._records.find(collection, page)
        aged = [Aged(each["id"], seconds_of(each[field]), is_protected(each)) for each in documents]
        excess = rule.excess(self._records.count(collection)) - position.found
        return surplus(aged, excess, rule, time.time())

    # Models

    def _clean_models(self, position: Position, run: Run) -> _Done:
        rule, protection = run.rule(self._rules[MODELS]), protection_of(self._records)
        chosen = self._chosen(position, "committed_at", rule, protection.covers)
        clear = self._files.size_bytes if run.only_looks else self._files.delete
        size_bytes = clear(chosen.ids)
        return _Done(len(chosen.ids), _following(position, chosen, run), size_bytes)

    def _clean_files(self, position: Position, run: Run) -> _Done:
        """Delete the files of one session's older models, if the session says how many it keeps."""
        page = Query(sort="id", skip=position.passed, limit=1)
        sessions = self._records.find("sessions", page)
        if not sessions:
            return _Done(0, position.next_step())
        session, following = sessions[0], replace(position, passed=position.passed + 1, found=0)
        kept = (session.get("options") or {}).get("models_kept")
        if not kept:
            return _Done(0, following)
        passed = position.found if run.only_looks else 0
        count, size_bytes, is_last = self._files.drop_files(
            session["session_id"], kept, only_looks=run.only_looks, passed=passed
        )
        looked = limits.page_items_max if run.only_looks else 0
        again = replace(position, found=passed + looked)
        return _Done(count, following if is_last else again, size_bytes)

    # The audit log

    def _clean_audit(self, position: Position, run: Run) -> _Done:
        rule = self._rules[AUDIT]
        passed = position.passed if run.only_looks else 0
        count, is_last = self._audit.prune(
            rule.kept_max, rule.seconds_max, only_looks=run.only_looks, passed=passed
        )
        if is_last:
            return _Done(count, position.next_step())
        looked = limits.audit_pruned_blocks if run.only_looks else 0
        return _Done(count, replace(position, passed=passed + looked))

    # Blobs

    def _clean_orphans(self, position: Position, run: Run) -> _Done:
        if not belong_together(self._records, self._blobs):
            return _Done(0, position.next_step())
        looked, lost = self._orphans.after(position.passed)
        if not looked:
            if not run.only_looks:
                self._orphans.forget_old_notes()
            return _Done(0, position.next_step())
        if run.only_looks:
            following = replace(position, passed=position.passed + looked)
            return _Done(len(lost), following, self._size_bytes(lost))
        ripe = [key for key in lost if self._orphans.is_ripe(key, run.older_than_seconds or 0)]
        size_bytes = self._size_bytes(ripe)
        for key in ripe:
            self._orphans.delete(key)
        following = replace(position, passed=position.passed + looked - len(ripe))
        return _Done(len(ripe), following, size_bytes)

    def _size_bytes(self, keys: Sequence[str]) -> int:
        return sum(self._blobs.size(key) or 0 for key in keys)


def _following(position: Position, chosen: Surplus, run: Run) -> Position | None:
    """Return the position after a page."""
    found = len(chosen.ids) if run.only_looks else 0
    moved = replace(
        position, passed=position.passed + chosen.passed + found, found=position.found + found
    )
    is_empty = moved == position and not chosen.ids
    if chosen.is_last or is_empty:
        return position.next_step()
    return moved

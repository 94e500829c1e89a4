"""The chain of the audit log: each entry holds the hash of the one before, so that a change shows.

An entry's hash is SHA-256 over its canonical JSON (sorted keys, no spaces, ASCII) without the field `hash`. Whoever can
write into the store can make a whole new chain: a head that was kept elsewhere shows that, and the loss of the newest
entries, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from fednet.digests import sha256_of
from fednet.errors import Conflict, InvalidInput

_FIRST: Final = "0" * 64
AUDIT_PRUNED: Final = "audit:prune"
"""The word of an entry that names the last entry which retention has deleted, as `str(AuditHead)`."""


@dataclass(frozen=True)
class AuditHead:
    """The newest entry of an audit log, or one that was the newest once.

    Attributes:
        number: Its number; 0 of an empty log.
        hash: Its hash.
    """

    number: int = 0
    hash: str = _FIRST

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what `str` has given.

        Raises:
            InvalidInput: It is no head.
        """
        if not re.fullmatch(r"\d{1,15}:[0-9a-f]{64}", text):
            raise InvalidInput(
                f"Invalid head {text[:100]!r}: use NUMBER:HASH, as `fednet audit verify` shows it.",
                field="head",
            )
        number, _, digest = text.partition(":")
        return cls(int(number), digest)

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


def audit_hash(entry: Mapping[str, Any]) -> str:
    """Return the hash that an entry should have."""
    content = {name: entry[name] for name in entry if name != "hash"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return sha256_of(text.encode())


@dataclass(frozen=True)
class VerifiedAudit:
    """An audit log that is whole.

    Attributes:
        head: Its newest entry.
        first: The number of its first entry; above 1 if retention has deleted older ones.
        entries: The number of its entries.
    """

    head: AuditHead
    first: int
    entries: int


def verified_audit(
    entries: Iterable[Mapping[str, Any]], kept: AuditHead | None = None
) -> VerifiedAudit:
    """Check a whole audit log.

    A log whose oldest entries were deleted by retention is whole if a later entry names the last one of them.

    Args:
        entries: All entries, from the first one.
        kept: A head that was kept elsewhere.

    Returns:
        The head of the log, and where it begins.

    Raises:
        Conflict: An entry was removed, changed or moved; names it. Or retention has deleted the entry of the kept head.
    """
    anchor = head = AuditHead()
    is_named = True
    for entry in entries:
        if not head.number and entry.get("number") != 1:
            anchor = head = _anchor_before(entry)
            _compare(anchor, kept)
            is_named = False
        is_named = is_named or _names(entry, anchor)
        head = _next(head, entry)
        _compare(head, kept)
    if kept is not None and head.number < kept.number:
        raise Conflict(f"The entries {head.number + 1} to {kept.number} were removed.")
    if not is_named:
        raise Conflict(f"The entries 1 to {anchor.number} were removed, and no entry tells of it.")
    if kept is not None and kept.number < anchor.number:
        raise Conflict(
            f"Retention has deleted the entry {kept.number} of the head that was kept. Keep a newer head."
        )
    return VerifiedAudit(head, anchor.number + 1, head.number - anchor.number)


def _compare(head: AuditHead, kept: AuditHead | None) -> None:
    """Refuse another entry in the place of the one that was kept."""
    if kept is not None and head.number == kept.number and head.hash != kept.hash:
        raise Conflict(f"Entry {head.number} is not the one of the head that was kept.")


def _anchor_before(entry: Mapping[str, Any]) -> AuditHead:
    """Return the entry before the first one that is left, as that tells it."""
    number, previous = entry.get("number"), entry.get("previous")
    is_number = isinstance(number, int) and not isinstance(number, bool) and number > 1
    return AuditHead(int(number) - 1, str(previous)) if is_number and number else AuditHead()


def _names(entry: Mapping[str, Any], anchor: AuditHead) -> bool:
    """Return True if an entry tells that retention has deleted everything up to an anchor."""
    on = entry.get("on")
    named = on.get("id") if isinstance(on, Mapping) else None
    return entry.get("what") == AUDIT_PRUNED and named == str(anchor)


def _next(head: AuditHead, entry: Mapping[str, Any]) -> AuditHead:
    """Return the head after one more entry."""
    number = entry.get("number")
    if number != head.number + 1:
        raise Conflict(
            f"Entry {head.number + 1} is missing: after {head.number} comes {str(number)[:20]}. "
            "It was removed or moved."
        )
    if entry.get("hash") != audit_hash(entry):
        raise Conflict(f"Entry {number} was changed: its hash is not that of its content.")
    if entry.get("previous") != head.hash:
        raise Conflict(
            f"Entry {number} does not follow entry {head.number}: one of them was replaced."
        )
    return AuditHead(head.number + 1, str(entry["hash"]))

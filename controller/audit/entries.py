"""The entries of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from fednet import limits
from fednet.audit import AUDIT_PRUNED, AuditHead, audit_hash


class Outcome(StrEnum):
    """The outcome of a request."""

    BEGUN = "begun"
    """It passed the gate and is carried out. Another entry tells the end; without one, nobody knows it."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class AuditDraft:
    """An entry without a number.

    Attributes:
        at: When it happened: ISO 8601, UTC.
        who: Kind, id and name of the principal; empty texts where nobody is known.
        what: The permission; `auth:login` for a login.
        route: Method and path of the route.
        on: Kind and id of the thing; an empty id where none is named.
        address: Where the request came from.
        outcome: See `Outcome`.
        code: The kind of problem; empty where there is none.
        count: The number of like requests that this entry stands for.
        of: The number of the entry that tells the beginning; 0 where there is none.
    """

    at: str
    who: Mapping[str, str]
    what: str
    route: str
    on: Mapping[str, str]
    address: str
    outcome: Outcome
    code: str = ""
    count: int = 1
    of: int = field(default=0)

    def after(self, head: AuditHead, controller: str) -> dict[str, Any]:
        """Return the entry that follows a head."""
        entry = {
            **asdict(self),
            "outcome": str(self.outcome),
            "who": {name: _short(text) for name, text in self.who.items()},
            "on": {name: _short(text) for name, text in self.on.items()},
            "route": _short(self.route),
            "number": head.number + 1,
            "controller": controller,
            "previous": head.hash,
        }
        return {**entry, "hash": audit_hash(entry)}


def pruned(anchor: AuditHead, at: str) -> AuditDraft:
    """Return the entry that names the last entry which retention deletes."""
    nobody = {"kind": "", "id": "", "name": ""}
    on = {"kind": "audit", "id": str(anchor)}
    return AuditDraft(at, nobody, AUDIT_PRUNED, "", on, "", Outcome.OK)


def _short(text: str) -> str:
    return text[: limits.name_characters_max]

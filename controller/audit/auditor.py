"""The auditor: what the gate tells the audit log of each request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fednet.contract import Principal, PrincipalKind
from fednet.errors import FednetError, Unavailable

from ..records import timestamp
from .entries import AuditDraft, Outcome
from .log import AuditLog
from .refusals import AuditRefusals

LOGIN = "auth:login"
_NOBODY: Mapping[str, str] = {"kind": "", "id": "", "name": ""}
_NOTHING: Mapping[str, str] = {"kind": "", "id": ""}


class Auditor:
    """Writes requests into the audit log. For any thread.

    Args:
        log: The audit log.
    """

    def __init__(self, log: AuditLog) -> None:
        self.log = log
        self._refusals = AuditRefusals(self._append_soon)

    def begin(
        self, who: Principal, what: str, route: str, on: Mapping[str, str], address: str
    ) -> AuditDraft:
        """Tell that a changing request is carried out now; return what `end` needs.

        Raises:
            Unavailable: The audit log cannot be written: the request must not be carried out.
        """
        draft = AuditDraft(timestamp(), who.reference, what, route, on, address, Outcome.BEGUN)
        return replace(draft, of=self.log.append(draft))

    def end(self, begun: AuditDraft, outcome: Outcome, code: str, on: Mapping[str, str]) -> None:
        """Tell the end of a request."""
        self._append_soon(replace(begun, at=timestamp(), outcome=outcome, code=code, on=on))

    def logged_in(self, who: Principal, route: str, address: str) -> None:
        """Tell that a user has logged in.

        Raises:
            Unavailable: The audit log cannot be written: the user must get no token.
        """
        on = {"kind": "users", "id": who.id}
        draft = AuditDraft(timestamp(), who.reference, LOGIN, route, on, address, Outcome.OK)
        self.log.append(draft)

    def refused(
        self, who: Principal | str | None, what: str, route: str, address: str, error: FednetError
    ) -> None:
        """Tell that a request was refused, or count it where many are.

        Args:
            who: The caller; a name that somebody gave at a login; None if nobody is known.
            what: The permission that it needed.
            route: Method and path of the route.
            address: Where it came from.
            error: The refusal.
        """
        draft = AuditDraft(
            timestamp(), _who(who), what, route, _NOTHING, address, Outcome.REFUSED, error.code
        )
        self._refusals.add(draft)

    def close(self) -> None:
        """Write what waits, and end."""
        self._refusals.close()
        self.log.close()

    def _append_soon(self, draft: AuditDraft) -> None:
        """Hand over an entry; the log says so where there is no place, and the request goes on."""
        try:
            self.log.append_soon(draft)
        except Unavailable:
            return


def _who(who: Principal | str | None) -> Mapping[str, str]:
    if isinstance(who, Principal):
        return who.reference
    return {"kind": str(PrincipalKind.USER), "id": "", "name": who} if who else _NOBODY

"""The readiness of a client for tasks: what it waits for before it can be asked for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Approval:
    """An approval that a client awaits from its site's owner.

    Attributes:
        digest: The SHA-256 of the package, or of the settings, hexadecimal.
        session_id: The session that gives the settings; "" for a package.
    """

    digest: str
    session_id: str = ""

    def is_for(self, session_id: str, package: str) -> bool:
        """Return True if a session's tasks need it; `package` is the SHA-256 of the session's package, or ""."""
        return self.session_id == session_id if self.session_id else self.digest == package


@dataclass(frozen=True)
class Readiness:
    """The things that a connected client waits for.

    Attributes:
        step: The step of a preparation, for people; until it is "", the client can be asked for nothing.
        awaited: The approvals that it awaits; it can be asked for nothing that needs one of them.
    """

    step: str = ""
    awaited: tuple[Approval, ...] = ()

    def awaited_for(self, session_id: str, package: str) -> str:
        """Return the digest whose approval a session's tasks await; "" if they await none."""
        found = (each.digest for each in self.awaited if each.is_for(session_id, package))
        return next(found, "")

    @property
    def status(self) -> str:
        """READY, PREPARING or WAITING_APPROVAL."""
        if self.step:
            return "PREPARING"
        return "WAITING_APPROVAL" if self.awaited else "READY"


READY: Final = Readiness()

"""The signal that only a session's driver can answer a request."""

from __future__ import annotations

from fednet.errors import Unavailable


class DrivenElsewhere(Exception):
    """Another controller drives the session, or none at the moment.

    It is not a FednetError, because it never leaves the controller; `refusal` does, if the driver does not answer.

    Args:
        session_id: The session.
        driver: The driver's name; empty if nobody drives it at the moment.
        address: The address of the driver's REST API; empty if it is not known.
    """

    def __init__(self, session_id: str, driver: str = "", address: str = "") -> None:
        super().__init__(session_id)
        self.session_id = session_id
        self.driver = driver
        self.address = address

    @property
    def refusal(self) -> Unavailable:
        """Return the error for the caller."""
        if not self.driver:
            return Unavailable(
                f"No controller drives session {self.session_id!r} now. One takes over within 10 s: try again."
            )
        return Unavailable(
            f"Session {self.session_id!r} is driven by the controller {self.driver!r} at {self.address}, which does "
            "not answer. If it has ended, another takes over within 10 s: try again."
        )

"""The error for a request that only a session's driver can answer."""

from __future__ import annotations

from fednet.errors import Unavailable


class DrivenElsewhere(Unavailable):
    """Another controller drives the session.

    Args:
        session_id: The session.
        driver: The driver's name; empty if nobody drives it at the moment.
        address: The address of the driver's REST API; empty if it is not known.
    """

    def __init__(self, session_id: str, driver: str = "", address: str = "") -> None:
        by = f"is driven by the controller {driver!r}" if driver else "is driven by no controller"
        at = f" at {address}" if address else ""
        super().__init__(
            f"Session {session_id!r} {by}{at} at the moment, which cannot answer. Another controller takes over "
            "within 10 s of its end: try again."
            if driver
            else f"Session {session_id!r} {by} at the moment. One takes over within 10 s: try again."
        )
        self.address = address

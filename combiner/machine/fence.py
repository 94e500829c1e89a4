"""The fence of each session: orders of a controller that has lost the session are refused."""

from __future__ import annotations

from collections import OrderedDict

from fednet import limits
from fednet.errors import Superseded

from .values import Authority


class Fence:
    """The newest authority of each session; the sessions that were quiet longest are forgotten at the limit."""

    def __init__(self) -> None:
        self._newest: OrderedDict[str, Authority] = OrderedDict()

    def controller_of(self, session_id: str) -> str:
        """Return the controller that drives a session; empty where none is known."""
        newest = self._newest.get(session_id)
        return newest.controller if newest else ""

    def admit(self, authority: Authority) -> bool:
        """Let an order pass.

        Args:
            authority: The order's authority.

        Returns:
            True if the session has another controller than before.

        Raises:
            Superseded: Another controller drives the session.
        """
        session_id = authority.session_id
        before = self.controller_of(session_id)
        self._check(authority)
        self._newest[session_id] = authority
        self._newest.move_to_end(session_id)
        while len(self._newest) > limits.fenced_sessions_max:
            self._newest.popitem(last=False)
        return before != authority.controller

    def _check(self, authority: Authority) -> None:
        newest = self._newest.get(authority.session_id)
        if newest is None or authority.term > newest.term:
            return
        if authority.term < newest.term or authority.controller != newest.controller:
            raise Superseded(
                f"The controller {newest.controller!r} drives the session {authority.session_id} "
                f"with the term {newest.term}; the order of {authority.controller!r} has the term "
                f"{authority.term}. Give the session up.",
                field="authority",
            )

"""The links to all combiners: opened as combiners come, closed as they go; orders go out over them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from fednet import limits

from .actor import Tell
from .events import Action, ClosePhase, Plan, Reduce, ReleasePhase, StartPhase
from .link import Absorb, CombinerLink
from .orders import outcome, phase_request, plan_request, reduction
from .state import AnySession, Session


class CombinerLinks:
    """A link to each combiner that has registered.

    Args:
        token: The controller's own token, for the combiners.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._links: dict[str, CombinerLink] = {}
        self._connecting = threading.Lock()  # one at a time opens or closes, which may take long
        self._lock = threading.Lock()  # over _links; nothing is waited for under it
        self._closed = False

    def connect(
        self, name: str, address: str, absorb: Absorb, on_down: Callable[[str], None]
    ) -> None:
        """Open a link to a combiner; the link to its earlier process ends before.

        Args:
            name: The combiner's name.
            address: Where it is reached, `host:port`.
            absorb: Stores a batch of its news.
            on_down: Called when it is out of sight.
        """
        with self._connecting:
            if older := self._links.get(name):
                older.close()
            if self._closed:
                return
            link = CombinerLink(name, address, self._token, absorb=absorb, on_down=on_down)
            with self._lock:
                self._links[name] = link

    def disconnect(self, combiner: str) -> None:
        """End the link to a combiner that is none any more."""
        with self._connecting:
            with self._lock:
                link = self._links.pop(combiner, None)
            if link:
                link.close()

    def close(self) -> None:
        """End all links, for good."""
        with self._connecting:
            self._closed = True
            for link in self._links.values():
                link.close()

    def order(self, session: AnySession, order: Action, tell: Tell) -> None:
        """Give an order; where the combiner is not known or away, it is given again once it is back.

        Args:
            session: Whose order it is.
            order: What is to be done.
            tell: Tells the session what came of it.
        """
        link = self._link(order.combiner)
        if link is None:
            return

        def then(answer: Any) -> None:
            if event := outcome(order, answer):
                tell(event)

        match order:
            case Plan():
                assert isinstance(session, Session), "a prediction has nothing to plan"
                seconds = session.round_timeout + limits.round_grace_seconds
                link.plan(plan_request(session, order), then, seconds)
            case StartPhase():
                link.start(phase_request(session, order), then)
            case ClosePhase(_, phase_id):
                link.close_phase(phase_id, then)
            case ReleasePhase(_, phase_id):
                link.release(phase_id)
            case Reduce():
                assert isinstance(session, Session), "a prediction has nothing to reduce"
                link.reduce(reduction(session, order), then, session.round_timeout)

    def release(self, combiner: str, phase_id: str) -> None:
        """Let a combiner forget a phase that no session waits for."""
        if link := self._link(combiner):
            link.release(phase_id)

    def _link(self, combiner: str) -> CombinerLink | None:
        with self._lock:
            return self._links.get(combiner)

"""The check of tokens: at each call, and for as long as a stream is open, which ends with its token.

All methods belong to the event loop's thread. Keys come at the registration and from controllers that watch; what was
revoked comes from these.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from typing import Self

from fednet import limits
from fednet.errors import FednetError, Unauthenticated, Unavailable
from fednet.identity import Claims, Verifier, combiner_audience


class Gatekeeper:
    """The check of tokens for one combiner.

    Attributes:
        keys_changed: Set when controllers have told of other keys: the combiner's own token should be renewed.
    """

    def __init__(self) -> None:
        self.keys_changed = asyncio.Event()
        self._audience = ""
        self._keys: tuple[str, ...] = ()
        self._verifier: Verifier | None = None
        self._refused: OrderedDict[str, float] = OrderedDict()
        self._admissions: set[Admission] = set()

    def admit(self, combiner_id: str, public_keys: Sequence[str]) -> None:
        """Let the tokens pass that these keys have signed for this combiner, as its registration says."""
        self._audience = combiner_audience(combiner_id)
        self._set_keys(tuple(public_keys))

    def trust(self, public_keys: Sequence[str]) -> None:
        """Take tokens of these keys from now on, and of no others; streams with tokens of others end."""
        if tuple(public_keys) != self._keys:
            self._set_keys(tuple(public_keys))
            self.keys_changed.set()

    def refuse(self, ids: Collection[str]) -> None:
        """Refuse tokens with one of these ids, their own, their parent's or their principal's; their streams end."""
        now = time.monotonic()
        for id_ in ids:
            self._refused[id_] = (
                now + limits.placement_token_seconds + 2 * limits.clock_skew_seconds_max
            )
            self._refused.move_to_end(id_)
        while self._refused and next(iter(self._refused.values())) < now:
            self._refused.popitem(last=False)
        self._check_streams()

    def displace(self, client_ids: Collection[str]) -> None:
        """Refuse the tokens with which these clients are connected; they have to ask the controller again."""
        wrong = [each for each in self._admissions if each.claims.principal.id in client_ids]
        self.refuse([each.claims.id for each in wrong])

    def read(self, token: str) -> Claims:
        """Return the content of a token.

        Raises:
            Unauthenticated: The token is not for this combiner, has ended, or was revoked.
        """
        if self._verifier is None:
            raise Unauthenticated("The combiner has not registered yet. Try again.")
        claims = self._verifier.read(token)
        self._check_revoked(claims)
        return claims

    def open(self, claims: Claims, end: Callable[[], None]) -> Admission:
        """Return the right of a stream that a call with these claims opens.

        Args:
            claims: The content of the call's token.
            end: Ends the stream.
        """
        return Admission(self, claims, end)

    def enter(self, admission: Admission) -> None:
        """Watch over a stream."""
        self._admissions.add(admission)

    def leave(self, admission: Admission) -> None:
        """Forget a stream that has ended."""
        self._admissions.discard(admission)

    def check(self, claims: Claims) -> None:
        """Refuse a token that was good once and is not any more.

        Raises:
            Unauthenticated: It was revoked, its key was retired, or it is for an earlier identity of this combiner.
        """
        if self._verifier is None or not self._verifier.knows(claims.key_id):
            raise Unauthenticated("The key that has signed the token was retired. Register again.")
        if claims.audience != self._audience:
            raise Unauthenticated("The combiner has another identity now. Register again.")
        self._check_revoked(claims)

    def close(self) -> None:
        """End all streams, with a reason that lets the other end come back later."""
        self._end_streams(
            Unavailable("The combiner stops. Connect again later, or to another combiner.")
        )

    def leave_network(self) -> None:
        """End all streams, with a reason that sends the other end to the controller."""
        self._end_streams(
            Unauthenticated("The network does not have this combiner any more. Register again.")
        )

    def _end_streams(self, reason: FednetError) -> None:
        for admission in list(self._admissions):
            admission.close(reason)

    def _set_keys(self, public_keys: tuple[str, ...]) -> None:
        self._keys = public_keys
        self._verifier = Verifier(*public_keys, audience=self._audience)
        self._check_streams()

    def _check_revoked(self, claims: Claims) -> None:
        if not self._refused.keys().isdisjoint(claims.ids):
            raise Unauthenticated("The token was revoked, or its owner removed. Register again.")

    def _check_streams(self) -> None:
        for admission in list(self._admissions):
            admission.review()


class Admission:
    """The right of one open stream, inside a `with` block; it ends the stream when its token ends.

    Args:
        gatekeeper: Knows the keys, and what was revoked.
        claims: The content of the token.
        end: Ends the stream.

    Attributes:
        claims: The content of the newest token.
    """

    def __init__(self, gatekeeper: Gatekeeper, claims: Claims, end: Callable[[], None]) -> None:
        self.claims = claims
        self._gatekeeper = gatekeeper
        self._end = end
        self._problem: FednetError | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._gatekeeper.enter(self)
        self._set_timer()
        return self

    def __exit__(self, *_: object) -> None:
        self._gatekeeper.leave(self)
        self._stop_timer()

    def renew(self, token: str) -> None:
        """Let the stream go on with a newer token of the same principal.

        Raises:
            Unauthenticated: The token is not good, or speaks for somebody else.
        """
        claims = self._gatekeeper.read(token)
        if claims.principal != self.claims.principal:
            raise Unauthenticated("The new token speaks for somebody else. Send your own.")
        self.claims = claims
        self._set_timer()

    def review(self) -> None:
        """End the stream if its token is not good any more."""
        try:
            self._gatekeeper.check(self.claims)
        except Unauthenticated as problem:
            self.close(problem)

    def check(self) -> None:
        """Raise the reason for which the stream was ended, if it was.

        Raises:
            Unauthenticated: Its token has ended, or was revoked, or the combiner has left the network.
            Unavailable: The combiner stops.
        """
        if self._problem:
            raise self._problem

    def close(self, problem: FednetError) -> None:
        """End the stream with a reason, which `check` raises; the first reason stays."""
        self._problem = self._problem or problem
        self._stop_timer()
        self._end()

    def _set_timer(self) -> None:
        self._stop_timer()
        if self.claims.expires_at is not None:
            left = self.claims.expires_at + limits.clock_skew_seconds_max - time.time()
            expired = Unauthenticated("The token has expired. Ask for a new one.")
            self._timer = asyncio.get_running_loop().call_later(left, self.close, expired)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

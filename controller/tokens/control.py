"""The tokens with which a controller calls combiners and other controllers: short-lived, each for one audience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fednet import limits
from fednet.contract import Principal, Role
from fednet.identity import (
    CONTROLLERS,
    Claims,
    RenewedToken,
    TokenUse,
    combiner_audience,
)


@dataclass(frozen=True)
class ControlTokens:
    """Makes the tokens of one controller. A combiner that is shown one can use it nowhere else.

    Args:
        controller: The controller's name.
        sign: Returns the token with this content.
        key_id: Returns the id of the key that signs now.
    """

    controller: str
    sign: Callable[[Claims], str]
    key_id: Callable[[], str] = lambda: ""

    def for_combiner(self, combiner_id: str) -> RenewedToken:
        """Return the source of tokens for the calls of one combiner."""
        return self._for_audience(combiner_audience(combiner_id))

    def for_controllers(self) -> RenewedToken:
        """Return the source of tokens for the calls of other controllers."""
        return self._for_audience(CONTROLLERS)

    def _for_audience(self, audience: str) -> RenewedToken:
        seconds = limits.control_token_seconds
        principal = Principal.of(Role.CONTROLLER, self.controller, self.controller)

        def make() -> str:
            return self.sign(Claims.of(principal, TokenUse.CONTROL, seconds, audience=audience))

        return RenewedToken(make, seconds, self.key_id)

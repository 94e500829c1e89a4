"""The rate at which a client may change something over REST."""

from flask import g, request

from fednet import limits
from fednet.contract import Principal, Role
from fednet.errors import Throttled

from .services import services

_READING = ("GET", "HEAD", "OPTIONS")


def check_rate() -> None:
    """Refuse a client's request that may change something, if there were too many before.

    Raises:
        Throttled: The client has to wait.
    """
    principal: Principal | None = g.get("caller")
    if principal is None or not principal.has(Role.CLIENT) or request.method in _READING:
        return
    if not services().client_changes.spend(principal.id):
        raise Throttled(
            f"You ask for more than {limits.client_changes_per_second} changes a second. Wait a moment."
        )

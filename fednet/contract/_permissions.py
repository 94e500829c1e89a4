"""Permissions: what a principal may do, and the permissions of each role.

A permission stands beside the view or the rpc that needs it (`@requires(Permission.SESSIONS_WRITE)`). A function
without one is closed to everybody.
"""

from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeVar

from fednet.contract._principals import Principal, Role
from fednet.errors import PermissionDenied

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MARK = "fednet_permission"


class Permission(StrEnum):
    """The right to use some routes or rpcs."""

    NETWORK_READ = "network:read"
    """See clients, combiners and their state."""

    NETWORK_WRITE = "network:write"
    """Remove clients and combiners."""

    STATUSES_READ = "statuses:read"
    """Read the log of the network."""

    TELEMETRIES_READ = "telemetries:read"
    """Read figures on machines."""

    TELEMETRIES_WRITE = "telemetries:write"
    """Report figures on machines."""

    FEED_READ = "feed:read"
    """Follow what happens in the network."""

    SESSIONS_READ = "sessions:read"
    """See sessions and rounds."""

    SESSIONS_WRITE = "sessions:write"
    """Start, steer and name sessions."""

    RESULTS_READ = "results:read"
    """Read clients' answers, validations, metrics and predictions."""

    PREDICTIONS_WRITE = "predictions:write"
    """Ask clients for predictions."""

    MODELS_READ = "models:read"
    """See and download models."""

    MODELS_WRITE = "models:write"
    """Upload, choose and name models."""

    PACKAGES_READ = "packages:read"
    """See and download all packages."""

    PACKAGES_WRITE = "packages:write"
    """Upload and choose packages."""

    PACKAGES_FETCH = "packages:fetch"
    """Download the active package."""

    ATTRIBUTES_READ = "attributes:read"
    """Read attributes of clients."""

    ATTRIBUTES_WRITE = "attributes:write"
    """Set attributes of clients."""

    TOKENS_READ = "tokens:read"
    """List tokens."""

    TOKENS_WRITE = "tokens:write"
    """Issue and revoke tokens."""

    KEYS_WRITE = "keys:write"
    """Rotate the signing key."""

    USERS_READ = "users:read"
    """List users."""

    USERS_WRITE = "users:write"
    """Create, change and disable users."""

    AUDIT_READ = "audit:read"
    """Read the audit log."""

    STORAGE_READ = "storage:read"
    """See how much is stored, and what would be deleted."""

    STORAGE_WRITE = "storage:write"
    """Delete what is old, and blobs that nothing refers to."""

    METRICS_READ = "metrics:read"
    """Scrape the metrics of a controller."""

    ACCOUNT = "account:use"
    """Log out, and change one's own password."""

    CLIENTS_JOIN = "clients:join"
    """Register a client."""

    COMBINERS_JOIN = "combiners:join"
    """Register a combiner."""

    BLOBS_READ = "blobs:read"
    """Read blobs through the controller."""

    BLOBS_WRITE = "blobs:write"
    """Write and delete blobs through the controller."""

    TASKS_WORK = "tasks:work"
    """Receive tasks from a combiner, fetch their files and answer."""

    ROUNDS_ORDER = "rounds:order"
    """Give orders to a combiner, and hear its news."""


_AGENTS_ONLY: Final = frozenset({Permission.TASKS_WORK, Permission.ROUNDS_ORDER})
_NETWORK: Final = frozenset(
    {
        Permission.NETWORK_READ,
        Permission.STATUSES_READ,
        Permission.TELEMETRIES_READ,
        Permission.FEED_READ,
        Permission.SESSIONS_READ,
        Permission.ACCOUNT,
    }
)
_DATA: Final = frozenset(
    {
        Permission.RESULTS_READ,
        Permission.MODELS_READ,
        Permission.PACKAGES_READ,
        Permission.PACKAGES_FETCH,
        Permission.ATTRIBUTES_READ,
    }
)

PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.ADMIN: frozenset(Permission) - _AGENTS_ONLY,
        Role.OPERATOR: _NETWORK
        | {
            Permission.NETWORK_WRITE,
            Permission.TELEMETRIES_WRITE,
            Permission.TOKENS_READ,
            Permission.TOKENS_WRITE,
            Permission.KEYS_WRITE,
            Permission.USERS_READ,
            Permission.AUDIT_READ,
            Permission.STORAGE_READ,
            Permission.STORAGE_WRITE,
            Permission.METRICS_READ,
        },
        Role.MONITOR: frozenset({Permission.METRICS_READ}),
        Role.SCIENTIST: _NETWORK
        | _DATA
        | {
            Permission.SESSIONS_WRITE,
            Permission.PREDICTIONS_WRITE,
            Permission.MODELS_WRITE,
            Permission.PACKAGES_WRITE,
            Permission.ATTRIBUTES_WRITE,
        },
        Role.VIEWER: _NETWORK | _DATA,
        Role.CLIENT: frozenset(
            {Permission.CLIENTS_JOIN, Permission.PACKAGES_FETCH, Permission.TASKS_WORK}
        ),
        Role.COMBINER: frozenset(
            {Permission.COMBINERS_JOIN, Permission.BLOBS_READ, Permission.BLOBS_WRITE}
        ),
        Role.CONTROLLER: frozenset({Permission.FEED_READ, Permission.ROUNDS_ORDER}),
    }
)
"""The permissions of each role."""


class _Open(Enum):
    """The mark of what needs no permission and no token."""

    OPEN = "open"


OPEN: Final = _Open.OPEN
"""Stands in the place of a permission where anybody may call, without a token."""


def requires(permission: Permission) -> Callable[[_Function], _Function]:
    """Return a decorator that states the permission which a view or an rpc needs."""

    def mark(function: _Function) -> _Function:
        setattr(function, _MARK, permission)
        return function

    return mark


def open_to_all(function: _Function) -> _Function:
    """State that a view or an rpc needs no permission and no token."""
    setattr(function, _MARK, OPEN)
    return function


def permission_of(function: Any) -> Permission | _Open | None:
    """Return the permission that a view or an rpc states, or OPEN; None if it states nothing."""
    found = getattr(function, _MARK, None)
    return found if isinstance(found, Permission | _Open) else None


def is_allowed(principal: Principal, permission: Permission) -> bool:
    """Return True if one of the principal's roles has the permission."""
    return any(permission in PERMISSIONS[role] for role in principal.roles)


def check_permission(principal: Principal, permission: Permission | None, action: str) -> None:
    """Let a principal pass that has the permission.

    Args:
        principal: Who asks.
        permission: The permission that the action needs; None if it states none, which refuses everybody.
        action: The route or the rpc, for the message.

    Raises:
        PermissionDenied: The principal lacks it; names role and permission.
    """
    if permission is None:
        raise PermissionDenied(f"{action} states no permission, so it is closed. Report this.")
    if not is_allowed(principal, permission):
        roles = ", ".join(sorted(principal.roles))
        raise PermissionDenied(
            f"The role {roles!r} lacks the permission {str(permission)!r}, which {action} needs."
        )

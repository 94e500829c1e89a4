"""The declarations that all parts of a network agree on; each stands here once."""

from fednet.contract._permissions import (
    OPEN,
    PERMISSIONS,
    Permission,
    check_permission,
    is_allowed,
    open_to_all,
    permission_of,
    requires,
)
from fednet.contract._principals import Principal, PrincipalKind, Role

__all__ = [
    "OPEN",
    "PERMISSIONS",
    "Permission",
    "Principal",
    "PrincipalKind",
    "Role",
    "check_permission",
    "is_allowed",
    "open_to_all",
    "permission_of",
    "requires",
]

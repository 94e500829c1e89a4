"""The permissions of the roles."""

import pytest

from fednet.contract import (
    OPEN,
    PERMISSIONS,
    Permission,
    Principal,
    PrincipalKind,
    Role,
    check_permission,
    is_allowed,
    open_to_all,
    permission_of,
    requires,
)
from fednet.errors import PermissionDenied


def test_every_role_has_permissions():
    """None is forgotten, and none may do everything."""
    assert PERMISSIONS.keys() == set(Role)
    assert all(frozenset() < PERMISSIONS[role] < frozenset(Permission) for role in Role)


def test_an_admin_has_the_permissions_of_all_users():
    """Whatever another user may do, an admin may do."""
    users = [role for role in Role if role.kind is PrincipalKind.USER]

    assert all(PERMISSIONS[role] <= PERMISSIONS[Role.ADMIN] for role in users)


def test_a_function_states_its_permission():
    """The mark stays with the function, which is not wrapped."""

    def view():
        return 1

    assert permission_of(view) is None
    assert requires(Permission.MODELS_READ)(view) is view
    assert permission_of(view) is Permission.MODELS_READ
    assert permission_of(open_to_all(view)) is OPEN
    assert permission_of(None) is None


def test_a_principal_with_several_roles_has_the_permissions_of_each():
    """Roles add up."""
    both = Principal(PrincipalKind.USER, "u", "u", frozenset({Role.OPERATOR, Role.SCIENTIST}))

    assert is_allowed(both, Permission.NETWORK_WRITE)
    assert is_allowed(both, Permission.MODELS_WRITE)
    assert not is_allowed(both, Permission.USERS_WRITE)


def test_a_refusal_names_role_and_permission():
    """The reader learns which role to ask for."""
    viewer = Principal.of(Role.VIEWER, "v", "v")

    check_permission(viewer, Permission.MODELS_READ, "GET /x")
    with pytest.raises(
        PermissionDenied, match=r"'viewer' lacks the permission 'models:write', which PUT /x needs"
    ):
        check_permission(viewer, Permission.MODELS_WRITE, "PUT /x")


def test_an_action_without_a_permission_is_closed():
    """An admin is refused, too."""
    with pytest.raises(PermissionDenied, match="states no permission"):
        check_permission(Principal.of(Role.ADMIN, "a", "a"), None, "GET /x")

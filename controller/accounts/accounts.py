"""Accounts: created and changed by admins; each answers to a name, with a password, in one role.

A token of an account speaks in the role that the account has now, not in the one that it had at the login. So a change
counts at once here, and within `limits.account_seen_seconds` at other controllers. All tokens of an account are derived
from its `login_id`: a new one ends them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fednet import limits
from fednet.contract import USER_ROLES, Principal, PrincipalKind, Role
from fednet.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidInput,
    Unauthenticated,
)
from fednet.identity import Claims, TokenUse
from fednet.names import check_name
from fednet.storage import Document, Query

from ..records import Records, new_id, timestamp
from ..tokens.issuing import Tokens
from .attempts import LoginAttempts
from .passwords import Passwords
from .seen_accounts import SeenAccounts

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Login:
    """A login that has succeeded.

    Attributes:
        principal: Who has logged in.
        token: The token.
        expires_at: When it ends, in seconds since 1970.
    """

    principal: Principal
    token: str = field(repr=False)
    expires_at: int


class Accounts:
    """The accounts of a network. For any thread.

    Args:
        records: Where they are kept.
        tokens: Makes and revokes the tokens of logins.
    """

    def __init__(self, records: Records, tokens: Tokens) -> None:
        self._records = records
        self._tokens = tokens
        self._passwords = Passwords()
        self._attempts = LoginAttempts()
        self._seen = SeenAccounts(records)

    # Commands

    def create(self, principal: Principal, name: str, role: Role, password: str) -> Document:
        """Create an account.

        Raises:
            AlreadyExists: The name is taken.
            InvalidInput: The name, the role or the password cannot be used.
        """
        check_name(name)
        account = {
            "id": new_id(),
            "name": name,
            "role": str(_user_role(role)),
            "password_hash": self._passwords.hash(password),
            "is_disabled": False,
            "login_id": new_id(),
            "created_at": timestamp(),
            "created_by": principal.reference,
        }
        try:
            created = self._records.insert("users", account)
        except AlreadyExists as error:
            raise AlreadyExists(
                f"There is a user {name!r} already: choose another name.", field="name"
            ) from error
        _log.info("user %s is created as %s, by %s", name, role, principal)
        return created

    def change(
        self,
        principal: Principal,
        key: str,
        *,
        role: Role | None = None,
        password: str | None = None,
        is_disabled: bool | None = None,
    ) -> Document:
        """Change an account in one go, or leave it as it is.

        Args:
            principal: The admin.
            key: The account's id or name.
            role: Its role.
            password: Its password; tokens of earlier logins end.
            is_disabled: True if nobody may log in; its tokens end, and stay ended when it is enabled again.

        Raises:
            NotFound: There is no such account.
            FailedPrecondition: It is the last admin.
            InvalidInput: The role or the password cannot be used.
        """
        before = self._records.get("users", key)
        changes: dict[str, Any] = {}
        if role is not None:
            changes["role"] = str(_user_role(role))
        if password is not None:
            changes["password_hash"] = self._passwords.hash(password)
        if is_disabled is not None:
            changes["is_disabled"] = is_disabled
        if is_disabled or password is not None:
            changes["login_id"] = new_id()
        if _is_admin(before) and not _is_admin({**before, **changes}):
            account = self._end_admin(before, changes)
        else:
            account = self._records.update("users", before["id"], lambda _: changes)
        self._seen.forget()
        _log.info("user %s: %s changed, by %s", account["name"], ", ".join(changes), principal)
        return account

    def change_password(
        self, principal: Principal, password: str, new_password: str, address: str
    ) -> None:
        """Give one's own account another password; all its tokens end.

        Args:
            principal: The user.
            password: The password until now.
            new_password: The next one.
            address: Where the call came from; failures are counted for each.

        Raises:
            FailedPrecondition: The principal has no account.
            InvalidInput: The new password cannot be used.
            Throttled: There were too many failures.
            Unauthenticated: The password is wrong.
        """
        if self._records.documents.get("users", principal.id) is None:
            raise FailedPrecondition(
                f"The {principal} has no account, so there is no password to change.", field="token"
            )
        account = self._account_with(principal.name, password, address)
        self.change(principal, account["id"], password=new_password)

    def log_in(self, name: str, password: str, address: str, seconds: float | None = None) -> Login:
        """Return a token for an account.

        Args:
            name: The account's name.
            password: Its password.
            address: Where the call came from; failures are counted for each.
            seconds: How long the token is valid; by default limits.user_token_seconds.

        Raises:
            Unauthenticated: There is no such account, it is disabled, or the password is wrong; does not say which.
            Throttled: There were too many failures.
        """
        account = self._account_with(name, password, address)
        principal = Principal.of(Role(account["role"]), account["id"], account["name"])
        token, record = self._tokens.issue(
            principal,
            principal,
            TokenUse.ACCESS,
            seconds or limits.user_token_seconds,
            parent=account["login_id"],
        )
        return Login(principal, token, record["expires"])

    def log_out(self, principal: Principal, claims: Claims) -> None:
        """End a token.

        Raises:
            FailedPrecondition: The token is of no login.
        """
        if not is_of_login(claims):
            raise FailedPrecondition(
                "This token is of no login, so there is nothing to log out from. `fednet token revoke` ends it.",
                field="token",
            )
        self._tokens.revoke(claims.id)
        _log.info("token %s is ended, by %s", claims.id, principal)

    # Queries

    def principal_of(self, claims: Claims) -> Principal:
        """Return whom a token speaks for now: a user in the role that the account has.

        Raises:
            Unauthenticated: The account is disabled or gone, or has another password.
        """
        if not is_of_login(claims):
            return claims.principal
        account = self._seen.account_of(claims)
        if account is None or account["is_disabled"] or claims.parent != account["login_id"]:
            raise Unauthenticated(
                "The login has ended: the user was disabled, or has another password. Log in again."
            )
        return Principal.of(Role(account["role"]), account["id"], account["name"])

    def _account_with(self, name: str, password: str, address: str) -> Document:
        """Return the account with a name and a password.

        Raises:
            Unauthenticated: There is no such account, it is disabled, or the password is wrong; does not say which.
            Throttled: There were too many failures.
        """
        self._attempts.check(name, address)
        account = self._records.lookup_natural("users", name)
        expected = str(account["password_hash"]) if account else None
        is_right = self._passwords.is_right(password, expected)
        if account is None or not is_right or account["is_disabled"]:
            self._attempts.failed(name, address)
            raise Unauthenticated("The name or the password is wrong, or the user is disabled.")
        self._attempts.succeeded(name, address)
        return account

    def _end_admin(self, before: Document, changes: Mapping[str, Any]) -> Document:
        """Change an admin to be none; take it back if the other admins were ended meanwhile."""
        last = FailedPrecondition(
            f"{before['name']!r} is the last admin. Give another user this role first.",
            field="role" if "role" in changes else "is_disabled",
        )
        if self._admins() <= 1:
            raise last
        account = self._records.update("users", before["id"], lambda _: changes)
        if self._admins() == 0:
            restored = {name: before[name] for name in changes}
            self._records.update("users", before["id"], lambda _: restored)
            self._seen.forget()
            raise last
        return account

    def _admins(self) -> int:
        """Return the number of admins that can log in."""
        admins = Query(where={"role": str(Role.ADMIN), "is_disabled": False})
        return self._records.count("users", admins)


def is_of_login(claims: Claims) -> bool:
    """Return True for a token that a user has logged in for: it is derived from the account's `login_id`."""
    return claims.principal.kind is PrincipalKind.USER and claims.parent is not None


def _is_admin(account: Document) -> bool:
    return account["role"] == Role.ADMIN and not account["is_disabled"]


def _user_role(role: Role) -> Role:
    if role not in USER_ROLES:
        known = ", ".join(USER_ROLES)
        raise InvalidInput(f"A user cannot have the role {str(role)!r}: use {known}.", field="role")
    return role

"""Accounts: their roles, passwords and tokens."""

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.accounts.accounts import Accounts
from fednet.controller.records import Records
from fednet.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidInput,
    NotFound,
    Throttled,
    Unauthenticated,
)

PASSWORD = "correct horse battery"
ADDRESS = "10.0.0.1"


@pytest.fixture
def ada(accounts, admin):
    """A scientist's account."""
    return accounts.create(admin, "ada", Role.SCIENTIST, PASSWORD)


@pytest.fixture
def log_in(accounts, signer):
    """Log a user in; return the content of the token."""

    def log_in(name="ada", password=PASSWORD, **wishes):
        return signer.verifier.read(accounts.log_in(name, password, ADDRESS, **wishes).token)

    return log_in


def roles_of(accounts, claims):
    return set(accounts.principal_of(claims).roles)


def test_a_user_logs_in(accounts, ada, log_in):
    """The token speaks for the account, in its role, for 90 days."""
    claims = log_in()

    assert accounts.principal_of(claims) == Principal.of(Role.SCIENTIST, ada["id"], "ada")
    assert round(claims.expires_at - claims.issued_at, -2) == limits.user_token_seconds
    assert log_in(seconds=60).expires_at - claims.issued_at <= 120


def test_the_document_holds_no_password(ada):
    """Only its hash."""
    assert PASSWORD not in str(ada)
    assert ada["created_by"] == {"kind": "user", "id": "admin-id", "name": "admin"}


@pytest.mark.usefixtures("ada")
def test_a_wrong_name_and_a_wrong_password_are_refused_alike(accounts, admin):
    """Nobody learns which names there are, or which users are disabled."""
    accounts.create(admin, "bob", Role.VIEWER, PASSWORD)
    accounts.change(admin, "bob", is_disabled=True)
    messages = set()
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("bob", PASSWORD)):
        with pytest.raises(Unauthenticated) as caught:
            accounts.log_in(name, password, ADDRESS)
        messages.add(caught.value.message)

    assert len(messages) == 1


@pytest.mark.usefixtures("ada")
def test_guessing_is_throttled(accounts, monkeypatch):
    """The right password waits, too, from where it was guessed."""
    monkeypatch.setattr(limits, "login_failures_max", 2)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            accounts.log_in("ada", "wrong", ADDRESS)

    with pytest.raises(Throttled):
        accounts.log_in("ada", PASSWORD, ADDRESS)
    assert accounts.log_in("ada", PASSWORD, "10.0.0.2")


def test_a_name_is_taken_once(accounts, admin, ada):
    """Whatever the role."""
    with pytest.raises(AlreadyExists, match="'ada'"):
        accounts.create(admin, ada["name"], Role.VIEWER, PASSWORD)


@pytest.mark.parametrize(
    ("name", "role", "password", "field"),
    [
        ("a b", Role.VIEWER, PASSWORD, "name"),
        ("a", Role.CLIENT, PASSWORD, "role"),
        ("a", Role.VIEWER, "short", "password"),
    ],
)
def test_a_bad_account_is_refused(accounts, admin, records, name, role, password, field):
    """With the field, and nothing of it is kept."""
    with pytest.raises(InvalidInput) as caught:
        accounts.create(admin, name, role, password)

    assert caught.value.field == field
    assert records.count("users") == 0


def test_a_role_counts_as_it_stands_now(accounts, admin, ada, log_in):
    """A token of before has the new role at once."""
    claims = log_in()
    assert roles_of(accounts, claims) == {Role.SCIENTIST}

    accounts.change(admin, ada["id"], role=Role.VIEWER)

    assert roles_of(accounts, claims) == {Role.VIEWER}


def test_another_controller_sees_a_change_within_ten_seconds(
    accounts, admin, ada, log_in, records, tokens, monkeypatch
):
    """It looks into the store again after a while."""
    other, claims = Accounts(records, tokens), log_in()
    now = [0.0]
    monkeypatch.setattr(other._seen, "_clock", lambda: now[0])
    assert roles_of(other, claims) == {Role.SCIENTIST}

    accounts.change(admin, ada["id"], role=Role.VIEWER)
    assert roles_of(other, claims) == {Role.SCIENTIST}
    now[0] = 10.0

    assert roles_of(other, claims) == {Role.VIEWER}
    assert limits.account_seen_seconds < 10


@pytest.mark.parametrize("change", ["disable", "set_password"])
def test_what_ends_a_login_ends_it_at_once(accounts, admin, ada, log_in, change):
    """Disabling and another password: the token is refused from then on."""
    claims = log_in()
    accounts.principal_of(claims)

    if change == "disable":
        accounts.change(admin, ada["id"], is_disabled=True)
    else:
        accounts.change(admin, ada["id"], password=PASSWORD + "!")

    with pytest.raises(Unauthenticated, match="Log in again"):
        accounts.principal_of(claims)


@pytest.mark.usefixtures("ada")
def test_logging_out_ends_one_token_at_once(accounts, tokens):
    """Another login goes on."""
    ended, other = (accounts.log_in("ada", PASSWORD, ADDRESS).token for _ in range(2))
    claims = tokens.read(ended)

    accounts.log_out(accounts.principal_of(claims), claims)

    with pytest.raises(Unauthenticated, match="was revoked"):
        tokens.read(ended)
    assert accounts.principal_of(tokens.read(other)).name == "ada"


def test_a_user_who_is_enabled_again_logs_in_again(accounts, admin, ada, log_in):
    """Tokens of before stay ended."""
    claims = log_in()
    accounts.change(admin, ada["id"], is_disabled=True)
    accounts.change(admin, ada["id"], is_disabled=False)

    with pytest.raises(Unauthenticated):
        accounts.principal_of(claims)
    assert accounts.principal_of(log_in()).id == ada["id"]


@pytest.mark.usefixtures("ada")
def test_logging_out_ends_one_token(accounts, log_in):
    """The others of the user go on."""
    first, second = log_in(), log_in()

    accounts.log_out(accounts.principal_of(first), first)

    assert accounts.principal_of(second)


def test_a_token_without_an_account_keeps_its_role(accounts, admin, signer):
    """The admin token of the first start has none; there is no login to end."""
    claims = signer.verifier.read(signer.sign(admin))

    assert accounts.principal_of(claims) == admin
    with pytest.raises(FailedPrecondition, match="no login"):
        accounts.log_out(admin, claims)


def test_a_token_whose_account_is_gone_is_refused(accounts, ada, log_in, records):
    """As after the restore of an older backup."""
    claims = log_in()
    records.documents.delete("users", ada["id"])

    with pytest.raises(Unauthenticated):
        accounts.principal_of(claims)


@pytest.mark.parametrize("change", [{"is_disabled": True}, {"role": Role.VIEWER}])
def test_the_last_admin_stays_one(accounts, admin, change):
    """Neither disabled nor given another role, until there is another admin."""
    only = accounts.create(admin, "root", Role.ADMIN, PASSWORD)

    def try_it():
        return accounts.change(admin, only["id"], **change)

    with pytest.raises(FailedPrecondition, match="last admin"):
        try_it()
    assert accounts._records.get("users", only["id"]) == only
    assert accounts.log_in("root", PASSWORD, ADDRESS).principal.has(Role.ADMIN)
    accounts.create(admin, "other", Role.ADMIN, PASSWORD)

    assert try_it()["id"] == only["id"]


@pytest.mark.parametrize("change", [{"is_disabled": True}, {"role": Role.VIEWER}])
def test_two_admins_that_end_each_other_at_once_are_not_both_gone(
    accounts, records, admin, change, monkeypatch
):
    """Each has seen the other; one of them at least stays as it was."""
    ada, bob = (accounts.create(admin, name, Role.ADMIN, PASSWORD) for name in ("ada", "bob"))
    update, left, outcomes = Records.update, [bob["id"]], []

    def and_end_the_other(self, *more):
        if left:
            outcomes.append(accounts.change(admin, left.pop(), **change))
        return update(self, *more)

    monkeypatch.setattr(Records, "update", and_end_the_other)
    with pytest.raises(FailedPrecondition, match="last admin") as refusal:
        accounts.change(admin, ada["id"], password="another password", **change)

    assert refusal.value.field == next(iter(change))
    assert outcomes
    assert {**records.get("users", ada["id"]), "version": 0} == {**ada, "version": 0}
    assert accounts.log_in("ada", PASSWORD, ADDRESS).principal.has(Role.ADMIN)


@pytest.mark.parametrize(
    "change",
    [{"role": Role.VIEWER}, {"password": PASSWORD}, {"is_disabled": True}, {"is_disabled": False}],
)
def test_an_account_that_is_not_there_is_named(accounts, admin, change):
    """Every change says so."""
    with pytest.raises(NotFound, match="'nobody'"):
        accounts.change(admin, "nobody", **change)

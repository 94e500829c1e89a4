"""`fednet user`: the accounts of the people of a network."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from fednet.cli._connection import with_http
from fednet.cli._output import json_option, show_answer
from fednet.cli.resource import add_list_and_get

if TYPE_CHECKING:
    from collections.abc import Callable

    from fednet.http import Http

ROLES = ("admin", "operator", "scientist", "viewer")


@click.group()
def user() -> None:
    """Create users, give them roles, and let them log in or not."""


add_list_and_get(user, "users")


def password_option(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--password-stdin`; without it, it asks."""
    return click.option(
        "--password-stdin", is_flag=True, help="Read the password from stdin instead of asking."
    )(function)


def given_password(*, from_stdin: bool, is_new: bool) -> str:
    """Return the password that somebody types, without showing it, or the first line of stdin."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    prompt = "New password" if is_new else "Password"
    answer = click.prompt(prompt, hide_input=True, confirmation_prompt=is_new, err=True)
    return str(answer)


@user.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="The user's rights.")
@password_option
@json_option
@with_http
def create(http: Http, *, name: str, role: str, password_stdin: bool, as_json: bool) -> None:
    """Create a user; asks for the password, which has at least 12 characters."""
    password = given_password(from_stdin=password_stdin, is_new=True)
    made = http.call(
        "POST", "/api/v1/users/", body={"name": name, "role": role, "password": password}
    )
    show_answer(made, f"Created the user {name}, {role}.", as_json=as_json)


@user.command("set-role")
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@json_option
@with_http
def set_role(http: Http, *, name: str, role: str, as_json: bool) -> None:
    """Give a user another role; it counts at once, also for tokens of earlier logins."""
    show_answer(_change(http, name, role=role), f"{name} is {role} now.", as_json=as_json)


@user.command("set-password")
@click.argument("name")
@password_option
@json_option
@with_http
def set_password(http: Http, *, name: str, password_stdin: bool, as_json: bool) -> None:
    """Give a user another password; tokens of earlier logins end."""
    password = given_password(from_stdin=password_stdin, is_new=True)
    changed = _change(http, name, password=password)
    show_answer(changed, f"{name} has another password now.", as_json=as_json)


@user.command("change-password")
@password_option
@json_option
@with_http
def change_password(http: Http, *, password_stdin: bool, as_json: bool) -> None:
    """Change your own password; all your tokens end.

    With --password-stdin, the first line is the password until now, the second one the new one.
    """
    body = {
        "password": given_password(from_stdin=password_stdin, is_new=False),
        "new_password": given_password(from_stdin=password_stdin, is_new=True),
    }
    answer = http.call("POST", "/api/v1/auth/password", body=body)
    show_answer(
        answer, "Your password is changed. Log in again with `fednet login`.", as_json=as_json
    )


@user.command()
@click.argument("name")
@json_option
@with_http
def disable(http: Http, *, name: str, as_json: bool) -> None:
    """Let a user log in no more; the user's tokens end."""
    show_answer(_change(http, name, is_disabled=True), f"{name} is disabled.", as_json=as_json)


@user.command()
@click.argument("name")
@json_option
@with_http
def enable(http: Http, *, name: str, as_json: bool) -> None:
    """Let a disabled user log in again."""
    show_answer(_change(http, name, is_disabled=False), f"{name} is enabled.", as_json=as_json)


def _change(http: Http, name: str, **changes: Any) -> dict[str, Any]:
    changed: dict[str, Any] = http.call(
        "PATCH", f"/api/v1/users/{quote(name, safe='')}", body=changes
    )
    return changed

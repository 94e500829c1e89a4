"""How a command speaks to a network: the flags that say which, and what its answers mean."""

from __future__ import annotations

import functools
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

from fednet.errors import from_dict

if TYPE_CHECKING:
    from collections.abc import Callable


def with_api(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--url` and `--token`, and that network's APIClient as first argument."""

    @click.option("--url", help="The REST address; by default FEDNET_URL, else this machine's.")
    @click.option("--token", help="A token; by default FEDNET_TOKEN, else this machine's.")
    @functools.wraps(function)
    def command(*, url: str | None, token: str | None, **arguments: Any) -> None:
        from fednet.api_client import APIClient

        with APIClient(url, token=token) as api:
            function(api, **arguments)

    return command


def accepted(answer: dict[str, Any]) -> dict[str, Any]:
    """FEDn's `{"success", "message"}`, if it is a yes.

    Raises:
        FednetError: The server refused; the kind of error that the answer names.
    """
    if not answer["success"]:
        raise from_dict(answer, HTTPStatus.CONFLICT)
    return answer

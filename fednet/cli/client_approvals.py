"""The commands with which a site's owner decides about the packages and settings that run there."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fednet.cli._flags import settings_flags
from fednet.cli._output import json_option, show_answer, show_json, show_record, show_table
from fednet.errors import InvalidInput
from fednet.settings import ClientSettings, load

if TYPE_CHECKING:
    from fednet.client.policy.site import Site

_ANY_URL = "http://127.0.0.1:8092"  # these commands call nobody


def _at_a_site(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the client's folder, as its argument `site`."""

    @settings_flags(ClientSettings, only=("name", "data_dir", "trusted_keys"))
    @functools.wraps(function)
    def command(
        config: Path | None,
        name: str | None,
        data_dir: str | None,
        trusted_keys: str | None,
        **values: Any,
    ) -> None:
        from fednet.client.policy.site import Site

        given = {"name": name, "data_dir": data_dir, "trusted_keys": trusted_keys}
        settings = load(ClientSettings, file=config, flags={**given, "api_url": _ANY_URL})
        function(site=Site(settings.data_dir / settings.name, settings.trusted_keys), **values)

    return command


@click.command()
@click.argument("digest", required=False)
@click.option("--latest", is_flag=True, help="Show what came last.")
@_at_a_site
@json_option
def review(*, site: Site, digest: str | None, latest: bool, as_json: bool) -> None:
    """Show a package or settings that wait for your approval.

    DIGEST is the SHA-256 of the package or of the settings, as `fednet client approvals` lists it. A package is
    shown with its files, sizes, commands, declared settings and signers, and with the diff of its files against the
    package that you approved last.
    """
    facts, diff = site.review(_chosen(site, digest, latest=latest))
    if as_json:
        show_json({**facts, "diff": diff})
    elif facts["kind"] == "settings":
        show_record(facts)
    else:
        _show_package(facts, diff)


@click.command()
@click.argument("digest")
@_at_a_site
@json_option
def approve(*, site: Site, digest: str, as_json: bool) -> None:
    """Let this client run a package with the settings that it declares, or use settings.

    It begins with the next task. Review the package first: its code runs on your data. DIGEST is the one that the
    review has shown.
    """
    decision = site.approve(digest)
    is_told = site.tell_agent()
    show_answer(
        {**asdict(decision), "agent_told": is_told},
        f"Approved {decision.digest}.{_of_the_agent(is_told)}",
        as_json=as_json,
    )


@click.command()
@click.argument("digest")
@_at_a_site
@json_option
def revoke(*, site: Site, digest: str, as_json: bool) -> None:
    """Stop running a package or using settings, under each policy; a running task ends at once."""
    decision = site.revoke(digest)
    is_told = site.tell_agent()
    show_answer(
        {**asdict(decision), "agent_told": is_told},
        f"Revoked {decision.digest}.{_of_the_agent(is_told)}",
        as_json=as_json,
    )


@click.command()
@_at_a_site
@json_option
def approvals(*, site: Site, as_json: bool) -> None:
    """List the packages and settings that wait, are approved, or are revoked at this client."""
    waiting, decisions = site.waiting(), site.decisions()
    if as_json:
        answer = {
            "waiting": [each.to_dict() for each in waiting],
            "decisions": [asdict(each) for each in decisions],
        }
        show_json(answer)
        return
    decided = {each.digest for each in decisions}
    rows = [
        [each.digest, "package" if each.is_package else "settings", "waiting", None, None]
        for each in waiting
        if each.digest not in decided
    ]
    rows += [
        [each.digest, each.seen.get("kind"), each.status, each.at, each.by] for each in decisions
    ]
    show_table(("digest", "kind", "status", "at", "by"), rows)


def _chosen(site: Site, digest: str | None, *, latest: bool) -> str:
    if (digest is None) != latest:
        raise InvalidInput("Give a DIGEST, or --latest for what came last.", field="digest")
    return digest or site.latest()


def _of_the_agent(is_told: bool) -> str:
    return (
        " The running agent has been told." if is_told else " No agent listens in this folder now."
    )


def _show_package(facts: dict[str, Any], diff: list[str]) -> None:
    show_record({name: value for name, value in facts.items() if name != "files"})
    click.echo()
    rows = [
        [each["path"], each["kind"], each["size_bytes"], each["sha256"] or each["target"]]
        for each in facts["files"]
    ]
    show_table(("path", "kind", "bytes", "sha256 or target"), rows)
    against = facts["against"]
    click.echo(
        f"\nChanges since {against}:"
        if against
        else "\nThere is no approved package to compare with:"
    )
    for line in diff:
        click.echo(line)

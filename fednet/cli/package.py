"""`fednet package`: compute packages, the code that clients run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fednet.cli._connection import with_api
from fednet.cli._output import json_option, show_answer, transfer
from fednet.cli.resource import add_list_and_get

if TYPE_CHECKING:
    from fednet.api_client import APIClient


@click.group()
def package() -> None:
    """Make, set and download the code that clients run."""


add_list_and_get(package, "packages")


@package.command()
@click.option(
    "-p",
    "--path",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    required=True,
    help="The folder with fednet.yaml and the code.",
)
@click.option(
    "-n",
    "--name",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("package.tgz"),
    show_default=True,
    help="The file to write.",
)
@json_option
def create(*, path: Path, name: Path, as_json: bool) -> None:
    """Pack a folder into a compute package; the same folder gives the same bytes."""
    from fednet.packages import create_package

    size_bytes, sha256 = create_package(path, name)
    made = {"path": str(name), "size_bytes": size_bytes, "sha256": sha256}
    show_answer(made, f"{name}: {size_bytes} bytes, sha256 {sha256}", as_json=as_json)


@package.command("set-active")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--helper", default="numpyhelper", show_default=True, help="Its models' format.")
@click.option("--name", help="A name for people; by default that of the file.")
@click.option("--description", help="What it does.")
@json_option
@with_api
def set_active(
    api: APIClient,
    *,
    path: Path,
    helper: str,
    name: str | None,
    description: str | None,
    as_json: bool,
) -> None:
    """Upload a compute package, and let clients run it."""
    with transfer(f"uploading {path}", quiet=as_json) as tell:
        api.on_transfer(tell)
        answer = api.set_active_package(str(path), helper, name or path.name, description)
    show_answer(answer, f"The active package is {answer['package_id']}.", as_json=as_json)


@package.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("package.tgz"),
    show_default=True,
    help="The file to write.",
)
@json_option
@with_api
def download(api: APIClient, *, output: Path, as_json: bool) -> None:
    """Download the active package's file."""
    with transfer("downloading the active package", quiet=as_json) as tell:
        api.on_transfer(tell)
        answer = api.download_package(str(output))
    show_answer({**answer, "path": str(output)}, answer["message"], as_json=as_json)

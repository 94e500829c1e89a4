"""`fednet package`: compute packages, the code that clients run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fednet.cli._connection import with_api
from fednet.cli._include import include_option
from fednet.cli._output import json_option, show_answer, show_json, show_table, transfer
from fednet.cli.resource import add_list_and_get

if TYPE_CHECKING:
    from fednet.api_client import APIClient
    from fednet.packages import CreatedPackage


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
@include_option
@json_option
def create(*, path: Path, name: Path, include: tuple[str, ...], as_json: bool) -> None:
    """Pack a folder into a compute package; the same folder gives the same bytes.

    Shows the files of the package, and those that are left out: the matches of .fednetignore, hidden
    files, credentials, environments, caches, version control and data.
    """
    from fednet.packages import create_package

    made = create_package(path, name, include)
    if as_json:
        show_json({"path": str(name), **asdict(made)})
    else:
        _show_package(name, made)


def _show_package(path: Path, made: CreatedPackage) -> None:
    show_table(("packed file", "bytes"), [(file.path, file.size_bytes) for file in made.files])
    if made.left_out:
        click.echo()
        show_table(("left out", "reason"), [(each.path, each.reason) for each in made.left_out])
        click.echo("\nTo pack one of these, give --include PATH or add !PATH to .fednetignore.")
    click.echo(f"\n{path}: {len(made.files)} files, {made.size_bytes} bytes, sha256 {made.sha256}")


@package.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("package-key.pem"),
    show_default=True,
    help="The file of the private key (mode 0600); the public key is written beside it, as .pub.",
)
@json_option
def keygen(*, out: Path, as_json: bool) -> None:
    """Make a key that signs packages.

    Sites that trust the public key run your packages under the policy `signed`, without a review of each.
    """
    from fednet.identity import create_package_key

    public = out.with_suffix(".pub")
    key = create_package_key(out, public)
    answer = {"private": str(out), "public": str(public), "key": key}
    sentence = f"{out} signs packages: keep it secret. Sites trust {public}. Key {key}."
    show_answer(answer, sentence, as_json=as_json)


@package.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    required=True,
    help="The private key, from `fednet package keygen`.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; by default the package itself.",
)
@json_option
def sign(*, path: Path, key: Path, output: Path | None, as_json: bool) -> None:
    """Add your signature to a package, as a member of its archive; several people may sign one package."""
    from fednet.digests import Algorithm, digest_of_file
    from fednet.identity import read_package_key
    from fednet.packages import sign_package

    target = output or path
    signer = sign_package(path, target, read_package_key(key))
    sha256 = digest_of_file(target, Algorithm.SHA256).value
    answer = {"path": str(target), "key": signer, "sha256": sha256}
    show_answer(answer, f"{target} is signed by {signer}, sha256 {sha256}", as_json=as_json)


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

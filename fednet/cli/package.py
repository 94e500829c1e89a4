"""`fednet package`: compute packages, the code that clients run."""

from __future__ import annotations

from pathlib import Path

import click

from fednet.cli._output import json_option, show_json


@click.group()
def package() -> None:
    """Make compute packages: the code that clients run."""


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
    if as_json:
        show_json({"path": str(name), "size_bytes": size_bytes, "sha256": sha256})
    else:
        click.echo(f"{name}: {size_bytes} bytes, sha256 {sha256}")

"""`fednet model`: the trail of models, the active one, and their files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fednet.cli._connection import with_api
from fednet.cli._formats import format_of, helper_option
from fednet.cli._output import columns_of, json_option, show_answer, show_json, show_table, transfer
from fednet.cli.resource import LIMIT_DEFAULT, add_list_and_get

if TYPE_CHECKING:
    from fednet.api_client import APIClient
    from fednet.parameters import ModelFile

TRAIL_COLUMNS = ("id", "parent_id", "session_id", "committed_at")
ARRAY_COLUMNS = ("name", "shape", "dtype", "parameters", "bytes", "finite")


@click.group()
def model() -> None:
    """Look up, set, download and inspect models."""


add_list_and_get(model, "models")


@model.command("set-active")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@helper_option
@json_option
@with_api
def set_active(api: APIClient, *, path: Path, helper: str | None, as_json: bool) -> None:
    """Upload a model file, and begin new sessions with it."""
    with transfer(f"uploading {path}", quiet=as_json) as tell:
        api.on_transfer(tell)
        answer = api.set_active_model(str(path), helper=helper)
    show_answer(answer, f"The active model is {answer['model_id']}.", as_json=as_json)


@model.command()
@click.argument("model_id", default="active")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; by default the model's id with the suffix of its format.",
)
@json_option
@with_api
def download(api: APIClient, *, model_id: str, output: Path | None, as_json: bool) -> None:
    """Download a model's file, by default that of the active model."""
    target = output or _file_name(api, model_id)
    with transfer(f"downloading {model_id}", quiet=as_json) as tell:
        api.on_transfer(tell)
        answer = api.download_model(model_id, str(target))
    show_answer({**answer, "path": str(target)}, answer["message"], as_json=as_json)


@model.command()
@click.argument("model_id", default="active")
@json_option
@with_api
def pin(api: APIClient, *, model_id: str, as_json: bool) -> None:
    """Let no retention delete a model, by default the active one."""
    answer = api.pin_model(model_id)
    show_answer(answer, f"The model {answer['id']} is pinned.", as_json=as_json)


@model.command()
@click.argument("model_id", default="active")
@json_option
@with_api
def unpin(api: APIClient, *, model_id: str, as_json: bool) -> None:
    """Let retention delete a model again, by default the active one."""
    answer = api.unpin_model(model_id)
    show_answer(answer, f"The model {answer['id']} is not pinned.", as_json=as_json)


@model.command()
@click.argument("model_id", required=False)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=LIMIT_DEFAULT,
    show_default=True,
    help="How many at the most, counted from the newest.",
)
@json_option
@with_api
def trail(api: APIClient, *, model_id: str | None, limit: int, as_json: bool) -> None:
    """Show the chain of models that led to one, by default to the active one; the oldest first."""
    models = api.get_model_trail(model_id, n_max=limit)
    if as_json:
        show_json({"count": len(models), "result": models})
    else:
        show_table(TRAIL_COLUMNS, columns_of(models, TRAIL_COLUMNS))


@model.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@helper_option
@json_option
def inspect(*, path: Path, helper: str | None, as_json: bool) -> None:
    """Show what a model file on this machine holds: its arrays, and whether all numbers are finite.

    No network is asked.
    """
    with format_of(path, helper).open(path) as opened:
        found = _described(path, opened)
    if as_json:
        show_json(found)
        return
    show_table(ARRAY_COLUMNS, columns_of(found["arrays"], ARRAY_COLUMNS))
    click.echo(
        f"{len(found['arrays'])} arrays, {found['parameters']} parameters, {found['bytes']} bytes "
        f"({found['file_bytes']} in the file), "
        + ("all numbers finite" if found["finite"] else "NOT all numbers finite")
    )


def _file_name(api: APIClient, model_id: str) -> Path:
    from fednet.parameters import model_format

    model = api.get_active_model() if model_id == "active" else api.get_model(model_id)
    return Path(f"{model_id}{model_format(model['helper']).suffix}")


def _described(path: Path, opened: ModelFile) -> dict[str, Any]:
    arrays = [
        {
            "name": spec.name,
            "shape": list(spec.shape),
            "dtype": spec.dtype,
            "parameters": spec.size,
            "bytes": spec.nbytes,
            "finite": _is_finite(array),
        }
        for spec, array in zip(opened.structure.arrays, opened.arrays, strict=True)
    ]
    return {
        "path": str(path),
        "file_bytes": path.stat().st_size,
        "arrays": arrays,
        "parameters": opened.structure.size,
        "bytes": opened.structure.nbytes,
        "finite": all(array["finite"] for array in arrays),
    }


def _is_finite(array: Any) -> bool:
    from fednet.errors import InvalidModel
    from fednet.parameters import check_finite

    try:
        check_finite([array])
    except InvalidModel:
        return False
    return True

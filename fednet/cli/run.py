"""`fednet run`: runs a compute package on this machine as a client does."""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fednet import limits
from fednet.cli._formats import format_of, helper_option
from fednet.cli._include import include_option
from fednet.cli._output import json_option, show_answer, show_json, show_record, working
from fednet.cli._settings_file import settings_file
from fednet.errors import InvalidInput, TaskFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fednet.client.runtime import PackageRuntime
    from fednet.packages import LeftOut, Manifest
    from fednet.parameters import ModelFormat

Function = TypeVar("Function", bound="Callable[..., Any]")
Stamps = dict[Path, tuple[int, int]]
_SHOWN_MAX = 10
_FOLDERS_ABOVE = 3  # in which a build may write


@click.group()
def run() -> None:
    """Try a compute package on this machine before sending it.

    A folder is packed and unpacked first, so that the same files run as at clients. The output of the code goes to
    stderr when it arrives. The exit code is 0 if the code succeeded, 1 if it failed, and 2 if the package, a
    model or an update is invalid.
    """


@dataclass(frozen=True)
class Source:
    """The folder or archive of a package, and the patterns of files that a folder's package has in any case."""

    path: Path
    include: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The folder of the package; the current one for an archive."""
        return self.path if self.path.is_dir() else Path()


def _package_option(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def with_source(*, path: Path, include: tuple[str, ...], **values: Any) -> Any:
        return function(package=Source(path, include), **values)

    path = click.option(
        "-p",
        "--path",
        type=click.Path(path_type=Path, exists=True),
        required=True,
        help="The package: its folder, or the archive.",
    )
    return path(include_option(with_source))


def _file_option(
    *flags: str, text: str, required: bool, exists: bool = False
) -> Callable[[Function], Function]:
    kind = click.Path(path_type=Path, exists=exists, dir_okay=False)
    return click.option(*flags, type=kind, required=required, help=text)


def _settings_option(function: Function) -> Function:
    text = "A JSON or YAML file with the settings, as a session would give them."
    return click.option("--settings", help=text, **settings_file())(function)


@run.command()
@_package_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for its files; by default that of the package, or the current one for an archive.",
)
@json_option
def build(*, package: Source, output: Path | None, as_json: bool) -> None:
    """Run the package's build command, which makes the first model.

    Its files are kept where the command writes them: in the package's folder, or in a folder above it (../seed.npz).
    With --output they are all in that folder.
    """
    with _runtime(package, quiet=as_json) as (runtime, folder):
        made = _made_by(lambda: runtime.prepare("build"), _surroundings(folder))
        places = {path: _place(path, folder, package, output) for path in made}
        kept = [str(_keep(path, place)) for path, place in places.items()]
    if not kept:
        raise TaskFailed(
            "The build command succeeded, but made no file in the package's folder or the "
            f"{_FOLDERS_ABOVE} folders above it. Let it write the model to a relative path, such as seed.npz."
        )
    show_answer({"made": kept}, f"Made {', '.join(kept)}.", as_json=as_json)


@run.command()
@_package_option
@json_option
def startup(*, package: Source, as_json: bool) -> None:
    """Run the package's startup command, as a client does before its first task."""
    with _runtime(package, quiet=as_json) as (runtime, _):
        runtime.prepare("startup")
    show_answer({"startup": "ok"}, "The startup command succeeded.", as_json=as_json)


@run.command()
@_package_option
@_file_option("-i", "--input", "model", text="The model file.", required=True, exists=True)
@_file_option("-o", "--output", "update", text="The file of the update.", required=True)
@helper_option
@_settings_option
@json_option
def train(
    *,
    package: Source,
    model: Path,
    update: Path,
    helper: str | None,
    settings: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Train a model on this machine's data, and check the update as a combiner does.

    Shows the metadata with `num_examples`.
    """
    form = _checked_format(model, helper)
    with _runtime(package, quiet=as_json) as (runtime, _):
        metadata = _storable(
            runtime.train(model.absolute(), update.absolute(), settings or {}, form.name)
        )
    _check_update(update, model, form)
    _show(metadata, as_json=as_json)


@run.command()
@_package_option
@_file_option("-i", "--input", "model", text="The model file.", required=True, exists=True)
@_file_option("-o", "--output", "metrics", text="A file for the metrics, as JSON.", required=False)
@helper_option
@_settings_option
@json_option
def validate(
    *,
    package: Source,
    model: Path,
    metrics: Path | None,
    helper: str | None,
    settings: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Validate a model on this machine's data, and show the metrics."""
    form = _checked_format(model, helper)
    with _runtime(package, quiet=as_json) as (runtime, _):
        measured = _storable(runtime.validate(model.absolute(), settings or {}, form.name))
    if metrics is not None:
        _write(metrics, json.dumps(measured) + "\n")
    _show(measured, as_json=as_json)


@run.command()
@_package_option
@_file_option("-i", "--input", "model", text="The model file.", required=True, exists=True)
@_file_option(
    "-o", "--output", "predictions", text="A file for the predictions, as JSON.", required=False
)
@helper_option
@_settings_option
@json_option
def predict(
    *,
    package: Source,
    model: Path,
    predictions: Path | None,
    helper: str | None,
    settings: dict[str, Any] | None,
    as_json: bool,
) -> None:
    """Let a model predict on this machine's data, and show the predictions."""
    form = _checked_format(model, helper)
    with _runtime(package, quiet=as_json) as (runtime, _):
        predicted = _storable(runtime.predict(model.absolute(), settings or {}, form.name))
    if predictions is not None:
        _write(predictions, json.dumps(predicted) + "\n")
    _show(predicted, as_json=as_json)


def _storable(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer as a network stores it; show what had to change."""
    from fednet.host import storable_answer

    return storable_answer(answer, lambda text: click.echo(text, err=True))


@contextmanager
def _runtime(package: Source, *, quiet: bool) -> Iterator[tuple[PackageRuntime, Path]]:
    """Give the runtime of the package, and the folder of the unpacked package, which is deleted at the end.

    Environments of packages are kept, so that each is built once.
    """
    from fednet.client.runtime import package_runtime
    from fednet.environment import default_data_dir
    from fednet.settings import ClientSettings

    seconds_max = ClientSettings.model_fields["task_seconds_max"].default
    with (
        tempfile.TemporaryDirectory(prefix="fednet-run-") as name,
        working(f"running {package.path}", quiet=quiet) as say,
    ):
        folder, manifest = _unpacked(package, Path(name), quiet=quiet)
        show = _Shown()
        runtime = package_runtime(
            folder,
            manifest,
            Path(name) / "work",
            seconds_max,
            on_output=show,
            environments=default_data_dir() / "run" / "environments",
            report=lambda step: say(step.partition("\n")[0]),
        )
        with closing(runtime), _traceback_shown(show):
            yield runtime, folder


def _unpacked(package: Source, folder: Path, *, quiet: bool) -> tuple[Path, Manifest]:
    """Unpack the package into a folder; return its path there, and its manifest."""
    from fednet.packages import create_package, unpack_package

    archive, unpacked = package.path, _unpacked_in(folder)
    unpacked.parent.mkdir(parents=True)
    if archive.is_dir():
        archive = folder / "package.tgz"
        made = create_package(package.path, archive, package.include)
        if made.left_out and not quiet:
            click.echo(_what_is_left_out(made.left_out), err=True)
    return unpacked, unpack_package(archive, unpacked)


def _unpacked_in(folder: Path) -> Path:
    """Return the path of the unpacked package; the folders above it are the package's surroundings."""
    return folder.joinpath(*["above"] * _FOLDERS_ABOVE, "package")


def _surroundings(package: Path) -> Path:
    return package.parents[_FOLDERS_ABOVE - 1]


def _what_is_left_out(left_out: Sequence[LeftOut]) -> str:
    shown = ", ".join(f"{each.path} ({each.reason})" for each in left_out[:_SHOWN_MAX])
    more = f" and {len(left_out) - _SHOWN_MAX} more" if len(left_out) > _SHOWN_MAX else ""
    return f"Not packed: {shown}{more}. Pack files with --include, or !PATH in .fednetignore."


class _Shown:
    """Writes the output of the code to stderr when it arrives; stdout has only the result.

    Attributes:
        text: The end of the output.
    """

    def __init__(self) -> None:
        self.text = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def __call__(self, piece: bytes) -> None:
        text = self._decode(piece)
        self.text = (self.text + text)[-2 * limits.traceback_characters_max :]
        sys.stderr.write(text)
        sys.stderr.flush()


@contextmanager
def _traceback_shown(shown: _Shown) -> Iterator[None]:
    """Show the traceback of a failure, unless the code has printed it: that of an installer, for example."""
    try:
        yield
    except TaskFailed as error:
        if error.traceback.strip() not in shown.text:
            click.echo(error.traceback.rstrip(), err=True)
        raise


def _made_by(work: Callable[[], None], folder: Path) -> list[Path]:
    """Return the files in a folder that a call makes or changes."""
    before = _stamps(folder)
    work()
    return [path for path, stamp in _stamps(folder).items() if before.get(path) != stamp]


def _place(made: Path, folder: Path, package: Source, output: Path | None) -> Path:
    """Return the path to keep a file at; outside of the package only if the package is a folder."""
    path = Path(os.path.relpath(made, folder))
    if output is None and package.path.is_dir():
        return Path(os.path.normpath(package.path / path))
    inside = [part for part in path.parts if part != ".."]
    return (output or Path()).joinpath(*inside)


def _stamps(folder: Path) -> Stamps:
    """Return the size and time of each file in the package's folder."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def _keep(made: Path, target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, target)
    except OSError as error:
        raise _unwritable(target, error) from error
    return target


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _checked_format(model: Path, helper: str | None) -> ModelFormat:
    """Return the format of a valid model file."""
    form = format_of(model, helper)
    form.open(model).close()
    return form


def _check_update(update: Path, model: Path, form: ModelFormat) -> None:
    """Refuse an update that a combiner would refuse."""
    from fednet.parameters import check_finite, check_structure

    with form.open(update) as found, form.open(model) as expected:
        found.arrange(expected.structure)
        check_structure(found.structure, expected.structure)
        check_finite(found.arrays, expected.structure)


def _unwritable(path: Path, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"Cannot write {path}: {error.strerror}. Choose another --output.", field="output"
    )


def _show(answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(answer)
    else:
        show_record(answer)

"""Commands on a component's stores: their flags; and of those that copy them, the progress and the result."""

from __future__ import annotations

import functools
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fednet.cli._flags import settings_flags
from fednet.cli._output import json_option, progress, show_answer
from fednet.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fednet.storage import BackupContents


def copying_command(
    kind: type[Settings], fields: Sequence[str]
) -> Callable[[Callable[..., BackupContents]], Callable[..., None]]:
    """Turn `copy(settings, file, show, **options)` into the function of a click command.

    Args:
        kind: The component's settings class.
        fields: The fields with the addresses of the stores.
    """

    def decorate(copy: Callable[..., BackupContents]) -> Callable[..., None]:
        @click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
        @settings_flags(kind, only=fields)
        @json_option
        @functools.wraps(copy)
        def command(
            file: Path, config: Path | None, as_json: bool, **options: str | bool | None
        ) -> None:
            flags = {name: options.pop(name) for name in _places(fields) & set(options)}
            settings = load(kind, file=config, flags=flags)
            with progress(quiet=as_json) as show:
                contents = copy(settings, file.absolute(), show, **options)
            show_answer(asdict(contents), f"{file}: {_told(contents)}.", as_json=as_json)

        return command

    return decorate


def stores_command(
    kind: type[Settings], fields: Sequence[str]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Turn `work(settings)` into the function of a click command.

    Args:
        kind: The component's settings class.
        fields: The fields with the addresses of the stores.
    """

    def decorate(work: Callable[..., None]) -> Callable[..., None]:
        @settings_flags(kind, only=fields)
        @functools.wraps(work)
        def command(config: Path | None, **flags: str | bool | None) -> None:
            work(load(kind, file=config, flags=flags))

        return command

    return decorate


def _places(fields: Sequence[str]) -> set[str]:
    return {name for field in fields for name in (field, f"{field}_file")}


def _told(contents: BackupContents) -> str:
    documents = sum(contents.documents.values())
    return f"{documents} documents, {contents.blobs} blobs of {contents.blob_bytes} bytes"

"""Commands that copy a component's stores into a file or back: their flags, progress and result."""

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
            places = {name for field in fields for name in (field, f"{field}_file")}
            flags = {name: options.pop(name) for name in places & set(options)}
            settings = load(kind, file=config, flags=flags)
            with progress(quiet=as_json) as show:
                contents = copy(settings, file.absolute(), show, **options)
            show_answer(asdict(contents), f"{file}: {_told(contents)}.", as_json=as_json)

        return command

    return decorate


def _told(contents: BackupContents) -> str:
    documents = sum(contents.documents.values())
    return f"{documents} documents, {contents.blobs} blobs of {contents.blob_bytes} bytes"

"""The reference of all settings, made from the settings classes: `docs/settings.md`.

`python -m fednet.cli._settings_reference > docs/settings.md` writes it anew; a test says when that is due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.settings import (
    ClientSettings,
    CombinerSettings,
    ControllerSettings,
    default_data_dir,
    variable,
)

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_KINDS = (ControllerSettings, CombinerSettings, ClientSettings)

_BEGIN = """\
# Settings

Made from the settings classes by `python -m fednet.cli._settings_reference > docs/settings.md`: change
them, not this page.

Each setting can be given in three places, of which the first wins:

1. a flag of `fednet controller|combiner|client start`: `--data-dir` for `data_dir`;
2. a variable of the environment: `FEDNET_CONTROLLER_DATA_DIR`; an empty one counts as none;
3. the file that `--config FILE` names, in YAML: `data_dir:` in the section `controller:`. One file may
   serve a whole network: each component reads its own section.

What is unknown is an error, wherever it stands.

A **secret** setting can lie in a file of its own: add `_file` to its name, in any of the three places, as
in `--state-store-file FILE`, `FEDNET_CONTROLLER_STATE_STORE_FILE` or `state_store_file:`. Space around
the secret does not count. Give secrets so, or in the environment: the list of processes shows every
flag. No log, error or answer shows them.

These variables serve all components and `fednet` itself:

| variable | what it says |
|---|---|
| `FEDNET_URL` | the controllers' REST addresses: `api_url` of combiners and clients, and whom commands speak to |
| `FEDNET_TOKEN`, `FEDNET_TOKEN_FILE` | the token, or a file that holds it: `token`, likewise |
| `FEDNET_DATA_DIR` | the data folder; by default `fednet` in `XDG_DATA_HOME`, by default `~/.local/share` |
| `XDG_CONFIG_HOME` | where the named networks lie, in `fednet/networks.json`; by default `~/.config` |
"""


def reference() -> str:
    """The page, in Markdown."""
    return "\n".join([_BEGIN, *(_section(kind) for kind in _KINDS)])


def _section(kind: Any) -> str:
    rows = [_row(kind, name, field) for name, field in kind.model_fields.items()]
    head = "| setting | variable | default | what it is |\n|---|---|---|---|"
    return "\n".join([f"## {kind.section}\n", f"{kind.__doc__}\n", head, *rows, ""])


def _row(kind: Any, name: str, field: FieldInfo) -> str:
    marks = [*(["**Secret.**"] if name in kind.secrets() else []), *_bounds(field)]
    meaning = " ".join([" ".join((field.description or "").split()), *marks])
    return f"| `{name}` | `{variable(kind, name)}` | {_default(field)} | {meaning} |"


def _bounds(field: FieldInfo) -> list[str]:
    words = {
        "ge": "From",
        "gt": "Above",
        "le": "to",
        "min_length": "Characters: from",
        "max_length": "to",
    }
    said = [
        f"{word} {getattr(bound, name)}"
        for bound in field.metadata
        for name, word in words.items()
        if getattr(bound, name, None) is not None
    ]
    return [" ".join(said) + "."] if said else []


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    return f"`{str(value).replace(str(default_data_dir()), '<data folder>')}`"


if __name__ == "__main__":
    click.echo(reference(), nl=False)

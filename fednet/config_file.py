"""The config file: YAML, with one section for each component."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.errors import InvalidInput


def settings_in(file: Path, section: str, sections: Sequence[str]) -> dict[str, Any]:
    """Return the settings of one section; none if the file does not have it.

    Args:
        file: The config file.
        section: The name of the section.
        sections: The names of all sections that there may be.

    Raises:
        InvalidInput: The file cannot be read, is not such a file, or has an unknown section.
    """
    content = _yaml_of(file)
    values = None
    if isinstance(content, dict):
        _check_sections(file, content, sections)
        values = content.get(section) or {}
    if not isinstance(values, dict):
        raise InvalidInput(
            f"The config file {file} needs a section `{section}:` with its settings.",
            field="config",
        )
    return {str(name): value for name, value in values.items()}


def _yaml_of(file: Path) -> Any:
    import yaml

    try:
        if file.stat().st_size > limits.config_bytes_max:
            raise InvalidInput(
                f"The config file {file} has more than {limits.config_bytes_max} bytes: is it the right one?",
                field="config",
            )
        return yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except RecursionError:
        raise InvalidInput(
            f"The config file {file} is nested too deep: each section has its settings, and nothing below them.",
            field="config",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"Cannot read the config file {file}: {error}", field="config"
        ) from error
    except yaml.YAMLError as error:
        # Without the message and the cause, which quote the line: it may have a secret.
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise InvalidInput(
            f"The config file {file} is not valid YAML{place}: quote values with special characters.",
            field="config",
        ) from None


def _check_sections(file: Path, content: dict[Any, Any], known: Sequence[str]) -> None:
    for name in content:
        if name not in known:
            raise InvalidInput(
                f"The config file {file} has the unknown section {name!r}: correct or remove it. The "
                f"sections are {', '.join(known)}.",
                field=str(name),
            )

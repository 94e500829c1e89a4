"""The source of a user's class, from any form in which it is given."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path

from fednet.errors import InvalidInput


def source_of(given: type | str | Path) -> str:
    """Return the source text of server functions.

    Args:
        given: The class, its source as a text, or the path of a file with it.

    Raises:
        InvalidInput: The source of the class cannot be found, or the file cannot be read.
    """
    if isinstance(given, str):
        return given
    try:
        if isinstance(given, Path):
            return given.read_text(encoding="utf-8")
        return textwrap.dedent(inspect.getsource(given))
    except (OSError, TypeError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"Cannot read the source of {given}: {error}. Write the class into a file and give its "
            "path.",
            field="server_functions",
        ) from error

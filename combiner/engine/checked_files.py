"""Small files of JSON that carry their own digest: a read gives the written value, or nothing.

line 1    the SHA-256 of line 2, hexadecimal
line 2    JSON
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from fednet.digests import sealed, unsealed

T = TypeVar("T")

_log = logging.getLogger(__name__)


class CheckedForm(Generic[T]):
    """The form of one class of values as such files.

    Args:
        kind: A frozen dataclass.
    """

    def __init__(self, kind: type[T]) -> None:
        config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", extra="forbid")
        self._adapter: TypeAdapter[tuple[T]] = TypeAdapter(tuple[kind], config=config)  # type: ignore[valid-type, arg-type]  # known when it runs

    def encode(self, value: T) -> bytes:
        """Return the content of a file."""
        body = self._adapter.dump_json((value,))
        return sealed(body)

    def read(self, path: Path) -> T | None:
        """Return the value in a file; None without a complete one, with a warning for a damaged one."""
        try:
            body = unsealed(path.read_bytes())
        except FileNotFoundError:
            return None
        if body is None:
            _log.warning("the file %s is damaged: it does not match its digest", path)
            return None
        try:
            return self._adapter.validate_json(body)[0]
        except ValidationError as error:
            _log.warning("the file %s is of another version: %s", path, error.errors()[:1])
            return None

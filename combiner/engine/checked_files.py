"""Small files of JSON that carry their own digests: a read gives a written value, or nothing.

line 1    the SHA-256 of line 2, hexadecimal
line 2    JSON

A file has one such value; or many, each appended behind an empty line, so that one that was cut short costs no other.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from fednet.digests import sealed, unsealed

T = TypeVar("T")

_BETWEEN = b"\n\n"

_log = logging.getLogger(__name__)


class CheckedForm(Generic[T]):
    """The form of one class of values as such files.

    Args:
        kind: A frozen dataclass, or a union of some.
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
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        return self._decode(content, path)

    def append(self, path: Path, value: T) -> None:
        """Append a value to a file, which is made if it does not exist.

        Raises:
            OSError: The value is not in the file.
        """
        record = _BETWEEN + self.encode(value)
        with path.open("ab", buffering=0) as file:
            if file.write(record) < len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def read_all(self, path: Path) -> Iterator[T]:
        """Give the complete values in a file, in their order; warn of damaged ones."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        for record in content.split(_BETWEEN):
            if record and (value := self._decode(record.strip(b"\n"), path)) is not None:
                yield value

    def _decode(self, content: bytes, path: Path) -> T | None:
        body = unsealed(content)
        if body is None:
            _log.warning("the file %s is damaged: it does not match its digest", path)
            return None
        try:
            return self._adapter.validate_json(body)[0]
        except ValidationError as error:
            _log.warning("the file %s is of another version: %s", path, error.errors()[:1])
            return None

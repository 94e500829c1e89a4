"""Messages between an agent and the process of a package's object.

- a message is its length, four bytes with the most significant first, and then a JSON object in
  UTF-8 of at most limits.host_message_bytes_max;
- a request is {"task": "train", "model": path, "helper": name, "update": path, "settings": path},
  {"task": "validate", "model": path, "helper": name, "settings": path} or the same with "predict";
- its answer is {"metadata": {…}}, {"metrics": {…}}, {"predictions": {…}} or
  {"problem": text, "traceback": text};
- each request has one answer, and the next request follows that answer.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

from fednet import limits
from fednet.errors import LimitExceeded, TaskFailed

_LENGTH = struct.Struct(">I")

Message = dict[str, Any]


def encode(message: Message) -> bytes:
    """Return a message as bytes.

    Raises:
        LimitExceeded: The message is larger than limits.host_message_bytes_max.
    """
    content = json.dumps(message).encode()
    if len(content) > limits.host_message_bytes_max:
        raise LimitExceeded(
            f"The answer has more than {limits.host_message_bytes_max} bytes: return less."
        )
    return _LENGTH.pack(len(content)) + content


def read_message(file: IO[bytes]) -> Message | None:
    """Wait for the next message and return it; None at the end of the file.

    Raises:
        TaskFailed: The bytes are not a message.
    """
    inbox = Inbox()
    while inbox.message is None:
        piece = file.read(inbox.wanted_bytes)
        if not piece:
            return None
        inbox.feed(piece)
    return inbox.message


class Inbox:
    """One message that arrives in pieces.

    Attributes:
        message: The message, when it is whole.
    """

    def __init__(self) -> None:
        self.message: Message | None = None
        self._content = bytearray()

    @property
    def wanted_bytes(self) -> int:
        """The number of missing bytes, as far as it is known; 0 when the message is whole."""
        return self._end() - len(self._content)

    def feed(self, piece: bytes) -> None:
        """Take the next piece, at most `wanted_bytes` long.

        Raises:
            TaskFailed: The bytes are not a message.
        """
        self._content += piece
        if self.wanted_bytes == 0:
            self.message = _parse(self._content[_LENGTH.size :])

    def _end(self) -> int:
        """Return the end of the message, or that of its length until the length is known."""
        if len(self._content) < _LENGTH.size:
            return _LENGTH.size
        (length,) = _LENGTH.unpack_from(self._content)
        if not 0 < length <= limits.host_message_bytes_max:
            raise TaskFailed(
                f"The process of the package's client announces {length} bytes, which is too many."
            )
        return int(_LENGTH.size + length)


def _parse(content: bytes | bytearray) -> Message:
    try:
        message = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TaskFailed(
            f"The process of the package's client sent invalid JSON: {error}"
        ) from error
    if not isinstance(message, dict):
        raise TaskFailed(
            "The process of the package's client sent something other than a JSON object."
        )
    return message

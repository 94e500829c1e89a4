"""Messages between an agent and the process of a package's object.

- a message is its length, four bytes with the most significant first, and then a JSON object in
  UTF-8 of at most limits.host_message_bytes_max;
- a request is {"task": "train", "model": path, "helper": name, "update": path, "settings": path},
  {"task": "validate", "model": path, "helper": name, "settings": path} or the same with "predict";
- its answer is {"metadata": {…}}, {"metrics": {…}}, {"predictions": {…}} or
  {"problem": text, "traceback": text};
- there is one answer to each request, and no request before the answer to the last one.
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
    """A message as bytes.

    Raises:
        LimitExceeded: It is larger than limits.host_message_bytes_max.
    """
    content = json.dumps(message).encode()
    if len(content) > limits.host_message_bytes_max:
        raise LimitExceeded(f"A message has more than {limits.host_message_bytes_max} bytes.")
    return _LENGTH.pack(len(content)) + content


def read_message(file: IO[bytes]) -> Message | None:
    """The next message; waits for it. None at the end of the file.

    Raises:
        TaskFailed: What comes is no message.
    """
    inbox = Inbox()
    while inbox.message is None:
        piece = file.read(inbox.wanted_bytes)
        if not piece:
            return None
        inbox.feed(piece)
    return inbox.message


class Inbox:
    """Puts one message together from its pieces.

    Attributes:
        message: The message, once it is whole.
    """

    def __init__(self) -> None:
        self.message: Message | None = None
        self._content = bytearray()

    @property
    def wanted_bytes(self) -> int:
        """How many bytes are missing, as far as is known yet; 0 once the message is whole."""
        return self._end() - len(self._content)

    def feed(self, piece: bytes) -> None:
        """Take the next piece, at most `wanted_bytes` long.

        Raises:
            TaskFailed: It is no message.
        """
        self._content += piece
        if self.wanted_bytes == 0:
            self.message = _parse(self._content[_LENGTH.size :])

    def _end(self) -> int:
        """Where the message ends, or its length while that is not here."""
        if len(self._content) < _LENGTH.size:
            return _LENGTH.size
        (length,) = _LENGTH.unpack_from(self._content)
        if not 0 < length <= limits.host_message_bytes_max:
            raise TaskFailed(f"The process of the package's client sent {length} bytes at once.")
        return int(_LENGTH.size + length)


def _parse(content: bytes | bytearray) -> Message:
    try:
        message = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise TaskFailed(f"The process of the package's client sent no JSON: {error}") from error
    if not isinstance(message, dict):
        raise TaskFailed("The process of the package's client sent no JSON object.")
    return message

"""Messages in parts: chunks of payloads, kept in the blob store until their payload is whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from fednet import limits
from fednet.errors import InvalidInput, LimitExceeded
from fednet.storage import Blobs
from fednet.xaynet import PayloadChunk, SignedMessage, Tag


@dataclass
class _Payload:
    """The chunks of one payload: their sizes by number, and the number of the last one, if it is there."""

    folder: str
    message_id: int
    sizes: dict[int, int] = field(default_factory=dict)
    last: int | None = None

    @property
    def is_whole(self) -> bool:
        return self.last is not None and len(self.sizes) == self.last + 1

    @property
    def size(self) -> int:
        return sum(self.sizes.values())

    def chunk_keys(self) -> Iterator[str]:
        """Yield the keys of the chunks in their order."""
        for number in sorted(self.sizes):
            yield _chunk_key(self.folder, number, is_last=number == self.last)


def _chunk_key(folder: str, number: int, *, is_last: bool) -> str:
    return f"{folder}/{number}{'-last' if is_last else ''}"


class Parts:
    """The chunks of one round.

    A participant has one payload under way in each phase: a chunk of another one takes its place.

    Args:
        blobs: The store of the chunks.
        folder: The key before all chunks of the round; chunks that are there already count.
        payload_bytes_max: The size of the largest payload.
    """

    def __init__(self, blobs: Blobs, folder: str, payload_bytes_max: int) -> None:
        self._blobs = blobs
        self._folder = folder
        self._payload_bytes_max = payload_bytes_max
        self._payloads: dict[tuple[str, Tag], _Payload] = {}
        self._lock = threading.Lock()
        for key in blobs.list(f"{folder}/"):
            self._remember(key)

    def join(self, message: SignedMessage) -> bytes | None:
        """Keep the chunk in a message; return the payload if it is whole now.

        Raises:
            InvalidInput: The chunk is damaged, or lies behind the last one.
            LimitExceeded: The payload is too large, or there is no more room for chunks.
        """
        chunk = PayloadChunk.from_bytes(message.payload)
        with self._lock:
            payload = self._payload_of(message.participant.hex(), message.tag, chunk.message_id)
            self._check(payload, chunk)
            key = _chunk_key(payload.folder, chunk.number, is_last=chunk.is_last)
            self._blobs.put(key, [chunk.data])
            payload.sizes[chunk.number] = len(chunk.data)
            payload.last = chunk.number if chunk.is_last else payload.last
            if not payload.is_whole:
                return None
            whole = b"".join(
                piece for key in payload.chunk_keys() for piece in self._blobs.read(key)
            )
            self._drop(message.participant.hex(), message.tag)
            return whole

    def _payload_of(self, participant: str, tag: Tag, message_id: int) -> _Payload:
        known = self._payloads.get((participant, tag))
        if known is not None and known.message_id == message_id:
            return known
        self._drop(participant, tag)
        folder = f"{self._folder}/{participant}/{tag.value}/{message_id}"
        return self._payloads.setdefault((participant, tag), _Payload(folder, message_id))

    def _check(self, payload: _Payload, chunk: PayloadChunk) -> None:
        highest = max([chunk.number, *payload.sizes])
        last = chunk.number if chunk.is_last else payload.last
        if last is not None and (highest > last or payload.last not in {None, last}):
            raise InvalidInput("A chunk lies behind the last one of its payload.")
        size = len(chunk.data)
        if payload.size - payload.sizes.get(chunk.number, 0) + size > self._payload_bytes_max:
            raise LimitExceeded(f"The payload has more than {self._payload_bytes_max} bytes.")
        if self._room_taken() + max(size, limits.KIB) > limits.xaynet_parts_bytes_max:
            raise LimitExceeded("There is no more room for messages in parts in this round.")

    def _room_taken(self) -> int:
        """Return the bytes of all chunks; a small one counts as a KiB, for its place in memory."""
        return sum(
            max(size, limits.KIB)
            for each in self._payloads.values()
            for size in each.sizes.values()
        )

    def _drop(self, participant: str, tag: Tag) -> None:
        if payload := self._payloads.pop((participant, tag), None):
            for key in payload.chunk_keys():
                self._blobs.delete(key)

    def _remember(self, key: str) -> None:
        """Count a chunk that an earlier process has kept."""
        participant, tag, message_id, name = key.removeprefix(f"{self._folder}/").split("/")
        number, _, mark = name.partition("-")
        payload = self._payload_of(participant, Tag(int(tag)), int(message_id))
        payload.sizes[int(number)] = self._blobs.size(key) or 0
        payload.last = int(number) if mark else payload.last

"""A coordinator of Xaynet's rounds that obeys its test: real HTTP, and the pure functions of the wire behind it.

Its phases end as soon as so many messages are in, its seeds can be chosen, and it can be told to behave badly. The real
coordinator can do neither.
"""

import base64
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from fednet.errors import InvalidInput
from fednet.xaynet import (
    BoundType,
    DataType,
    ExactModel,
    GroupType,
    MaskConfig,
    MaskObject,
    ModelType,
    RoundParameters,
    SealingKey,
    SignatureKey,
    SignedMessage,
    Sum2Payload,
    SumPayload,
    Tag,
    Task,
    UpdatePayload,
    is_eligible,
    model_to_bytes,
    seed_dictionary_to_bytes,
    sum_dictionary_to_bytes,
    unmask,
)

CONFIG = MaskConfig(GroupType.Prime, DataType.F32, BoundType.B0, ModelType.M3)
SUM_PROBABILITY = 0.3
LENGTH = 4
SECONDS_MAX = 120.0
ROUND_SECONDS = 15.0


def identities(count: int) -> list[SignatureKey]:
    """Return the same keys each time."""
    return [SignatureKey(bytes([number]) * 32) for number in range(1, count + 1)]


def seed_for(
    sums: Sequence[SignatureKey], updates: Sequence[SignatureKey], first: int = 0
) -> bytes:
    """Return a round's seed by which these participants have the sum task, and those the update task."""
    wanted = dict.fromkeys(sums, True) | dict.fromkeys(updates, False)
    number = first
    while True:
        seed = number.to_bytes(32, "little")
        if all(
            is_eligible(key.ticket(seed, Task.SUM), SUM_PROBABILITY) is is_sum
            for key, is_sum in wanted.items()
        ):
            return seed
        number += 1


def parameters(
    seed: bytes, config: MaskConfig = CONFIG, length: int = LENGTH, key: SealingKey | None = None
) -> RoundParameters:
    """Return the parameters of a round in which all who have not the sum task have the update task."""
    public = (key or SealingKey(bytes(range(32)))).public
    return RoundParameters(public, SUM_PROBABILITY, 1.0, seed, config, length)


class SmallCoordinator:
    """Rounds with the given seeds, one after the other; the last one stays.

    Args:
        seeds: The rounds' seeds.
        counts: The number of messages of the phases sum, update and sum2.
        config: The mask configuration.
        length: The number of weights.
    """

    def __init__(
        self,
        seeds: Sequence[bytes],
        counts: tuple[int, int, int] = (1, 3, 1),
        config: MaskConfig = CONFIG,
        length: int = LENGTH,
    ) -> None:
        self.config, self.length, self.counts = config, length, counts
        self.seeds_shown: Callable[[Mapping[bytes, bytes]], Mapping[bytes, bytes]] = lambda seeds: (
            seeds
        )
        self.raw: dict[str, bytes] = {}  # answers that replace the true ones, by path
        self.status = 200
        self.models: list[ExactModel] = []
        self.refused: list[str] = []
        self.round = 0
        self._seeds = seeds
        self.changed = threading.Condition()
        self._begin()

    def _begin(self) -> None:
        self.key = SealingKey.generate()
        self.parameters = parameters(self._seeds[self.round], self.config, self.length, self.key)
        self.sums: dict[bytes, bytes] = {}
        self.updates: dict[bytes, UpdatePayload] = {}
        self.masks: dict[bytes, MaskObject] = {}

    def next_round(self) -> None:
        """Begin the next round at once, as after a failure."""
        with self.changed:
            self.round += 1
            self._begin()
            self.changed.notify_all()

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Wait for something that messages change."""
        with self.changed:
            assert self.changed.wait_for(holds, SECONDS_MAX)

    def play_until(self, holds: Callable[[], bool]) -> None:
        """Wait for something; a round in which too few have a task is begun anew after a while."""
        while not holds():
            before = self.round
            with self.changed:
                is_over = self.changed.wait_for(
                    lambda: self.round > before or holds(),  # noqa: B023  it is used at once
                    ROUND_SECONDS,
                )
            if not is_over:
                self.next_round()

    @property
    def phase(self) -> Tag | None:
        if len(self.sums) < self.counts[0]:
            return Tag.SUM
        if len(self.updates) < self.counts[1]:
            return Tag.UPDATE
        return Tag.SUM2 if len(self.masks) < self.counts[2] else None

    def receive(self, body: bytes) -> None:
        with self.changed:
            try:
                self._take(SignedMessage.from_bytes(self.key.open(body)))
            except InvalidInput as error:
                self.refused.append(str(error))
            self.changed.notify_all()

    def _take(self, message: SignedMessage) -> None:
        sender = message.participant
        if message.tag is not self.phase:
            raise InvalidInput("wrong phase")
        if message.tag is Tag.SUM:
            self.sums.setdefault(sender, SumPayload.from_bytes(message.payload).sealing_key)
        elif message.tag is Tag.UPDATE:
            payload = UpdatePayload.from_bytes(message.payload, self.config, self.length)
            self.updates.setdefault(sender, payload)
        else:
            payload = Sum2Payload.from_bytes(message.payload, self.config, self.length)
            self.masks[sender] = payload.mask
            if self.phase is None:
                self._finish(payload.mask)

    def _finish(self, mask: MaskObject) -> None:
        total = MaskObject.zero(self.config, self.length)
        for update in self.updates.values():
            total.add(update.model)
        self.models.append(unmask(total, mask, len(self.updates)))
        if self.round + 1 < len(self._seeds):
            self.round += 1
            self._begin()

    def document(self, path: str, query: Mapping[str, Sequence[str]]) -> bytes | None:
        """Return the answer to a GET; None if there is none yet."""
        with self.changed:
            makers: dict[str, Callable[[], bytes | None]] = {
                "/params": self.parameters.to_bytes,
                "/sums": self._sums_document,
                "/seeds": lambda: self._seeds_document(base64.b64decode(query["pk"][0])),
                "/model": self._model_document,
            }
            return self.raw.get(path) or makers[path]()

    def _sums_document(self) -> bytes | None:
        return None if self.phase is Tag.SUM else sum_dictionary_to_bytes(self.sums)

    def _seeds_document(self, reader: bytes) -> bytes | None:
        if self.phase is not Tag.SUM2 or reader not in self.sums:
            return None
        seeds = {sender: each.seeds[reader] for sender, each in self.updates.items()}
        return seed_dictionary_to_bytes(self.seeds_shown(seeds))

    def _model_document(self) -> bytes | None:
        return b"".join(model_to_bytes(self.models[-1])) if self.models else None


@contextmanager
def serving(coordinator: SmallCoordinator) -> Iterator[str]:
    """Serve a coordinator and give its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            document = coordinator.document(parts.path, parse_qs(parts.query))
            status = coordinator.status
            if status == 200 and document is None:
                status = 204
            self._answer(status, document or b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if coordinator.status == 200:
                coordinator.receive(body)
            self._answer(coordinator.status, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

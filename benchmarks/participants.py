"""The CPU time of a participant of Xaynet's published SDK for each weight, beside that of our own protocol `pet`.

    make test-xaynet                       # makes the environment of the SDK, once
    python benchmarks/participants.py [--weights 200000] [--seeds 10] [--sdk .venv-xaynet/bin/python] [--json]

The SDK's participant is a process of its own; it speaks to a coordinator that gives it the task to mask a model, or to
add up the masks of so many seeds. Ours does the same work in the ring of 32 bits with one seed for each update, (1,1).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fednet.parameters import Structure
from fednet.secure.masks import MaskKey, add_masks
from fednet.secure.ring import RingQuantiser
from fednet.secure.terms import SecureTerms
from fednet.xaynet import (
    BoundType,
    DataType,
    GroupType,
    MaskConfig,
    ModelType,
    RoundParameters,
    SealingKey,
    SignedMessage,
    SumPayload,
    Tag,
    seal,
    seed_dictionary_to_bytes,
    sum_dictionary_to_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPT = Path(__file__).parent / "systems" / "scripts" / "xaynet_participant.py"
CONFIG = MaskConfig(GroupType.Prime, DataType.F32, BoundType.B0, ModelType.M3)
NEVER, ALWAYS = 1e-9, 1 - 1e-9
STEPS_MAX = 60


class Coordinator:
    """A coordinator of one round with one participant, which gets the task that is measured.

    Args:
        weights: The length of the model.
        seeds: The number of seeds whose masks a sum participant adds up; 0 for an update participant.
    """

    def __init__(self, weights: int, seeds: int) -> None:
        self._key = SealingKey.generate()
        probability = ALWAYS if seeds else NEVER
        self._parameters = RoundParameters(
            self._key.public, probability, 1.0, bytes(32), CONFIG, weights
        )
        self._seeds = seeds
        self._sealed: dict[bytes, bytes] = {}
        self.is_done = threading.Event()

    def answer(self, path: str) -> bytes | None:
        """Return the answer to a GET; None if there is none yet."""
        if path == "/params":
            return self._parameters.to_bytes()
        if path == "/sums" and not self._seeds:
            return sum_dictionary_to_bytes({bytes(32): SealingKey.generate().public})
        if path == "/seeds" and self._sealed:
            return seed_dictionary_to_bytes(self._sealed)
        return b"done" if path == "/done" and self.is_done.is_set() else None

    def take(self, body: bytes) -> None:
        """Take a message: seeds follow a sum participant's first one, and its second one is the last."""
        message = SignedMessage.from_bytes(self._key.open(body))
        if message.tag is not Tag.SUM:
            self.is_done.set()
            return
        reader = SumPayload.from_bytes(message.payload).sealing_key
        senders = (number.to_bytes(32, "big") for number in range(self._seeds))
        self._sealed = {sender: seal(reader, sender) for sender in senders}


def served(coordinator: Coordinator) -> ThreadingHTTPServer:
    """Return a server of the coordinator's routes; the caller starts it."""

    class Routes(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(coordinator.answer(self.path.partition("?")[0]))

        def do_POST(self) -> None:
            coordinator.take(self.rfile.read(int(self.headers["Content-Length"])))
            self._reply(b"")

        def _reply(self, body: bytes | None) -> None:
            self.send_response(204 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None: ...

    return ThreadingHTTPServer(("127.0.0.1", 0), Routes)


def of_sdk(python: str, weights: int, seeds: int) -> float:
    """Return the CPU microseconds of the SDK's participant, for each weight and seed."""
    coordinator = Coordinator(weights, seeds)
    with served(coordinator) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            command = [
                python, str(SCRIPT), f"http://127.0.0.1:{server.server_port}", str(weights), str(STEPS_MAX)
            ]  # fmt: skip
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        finally:
            server.shutdown()
    if not coordinator.is_done.is_set():
        sys.exit("the participant has not sent its last message")
    return 1e6 * float(json.loads(said)) / weights / max(seeds, 1)


def of_ours(weights: int, seeds: int) -> float:
    """Return the CPU microseconds of our participant, for each weight and seed."""
    terms = SecureTerms(
        "pet", clients=100, min_clients=3, ring_bits=32, clip=8.0, examples_max=10_000, cipher="chacha20",
        sum_participants=1, threshold=1, quorum=1, neighbours=0,
    )  # fmt: skip
    base, update = [np.zeros(weights, np.float32)], [np.full(weights, 0.25, np.float32)]
    ring = RingQuantiser(terms, Structure.of(base))
    keys = [MaskKey(number.to_bytes(32, "big")) for number in range(max(seeds, 1))]
    total = np.zeros(ring.count, np.uint32)

    def work() -> None:
        vector = total if seeds else ring.quantised(update, base, 5_000)
        add_masks(vector, keys, terms.cipher)

    return 1e6 * fastest(work) / weights / len(keys)


def fastest(work: Callable[[], object]) -> float:
    """Return the smallest CPU time of some runs, in seconds of this thread."""
    times = []
    for _ in range(5):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return min(times)


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=int, default=200_000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sdk", default=str(REPOSITORY / ".venv-xaynet" / "bin" / "python"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = {
        name: {
            "sdk": of_sdk(options.sdk, options.weights, seeds),
            "ours": of_ours(options.weights, seeds),
        }
        for name, seeds in (("mask an update", 0), ("add up masks", options.seeds))
    }
    if options.json:
        print(json.dumps(rows))
        return
    print(f"{'microseconds for a weight (and seed)':40} {'SDK':>8} {'ours':>8} {'ratio':>7}")
    for name, row in rows.items():
        print(f"{name:40} {row['sdk']:>8.3f} {row['ours']:>8.4f} {row['sdk'] / row['ours']:>7.0f}")


if __name__ == "__main__":
    main()

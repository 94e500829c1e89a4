"""The CPU time of secure aggregation for one model, beside the bounds that it must keep; and the memory of each step.

    python benchmarks/secure.py                            # 25 million float32 parameters, a ring of 32 bits
    python benchmarks/secure.py --ring 64 --cipher aes-ctr
    python benchmarks/secure.py --parameters 1000000 --json

The time is that of one thread, so other work on the machine counts little; the fastest run is shown. The memory is that
which a step takes at its peak beside its arguments, in units of the masked update.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fednet.aggregation import aggregator
from fednet.combiner.engine.masked_updates import folded_mean, unmasked
from fednet.combiner.machine.orders import Unmasking
from fednet.parameters import ModelFile, Structure, flat_blocks
from fednet.processes import reuse_freed_memory
from fednet.secure.masked_sum import MaskedSums
from fednet.secure.masks import MaskKey, add_masks
from fednet.secure.ring import RingQuantiser
from fednet.secure.terms import SecureTerms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ARRAYS = 10
UPDATES = 100
PARAMETERS = 25_000_000


@dataclass(frozen=True)
class Step:
    """One step, with its bound in seconds for 25 million parameters in a ring of 32 bits; 0 for none."""

    name: str
    bound: float
    run: Callable[[], object]


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parameters", type=int, default=PARAMETERS)
    parser.add_argument("--ring", type=int, choices=(32, 64), default=32)
    parser.add_argument("--cipher", choices=("chacha20", "aes-ctr"), default="chacha20")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    reuse_freed_memory(is_our_process=False)  # as in the process of a client
    terms = SecureTerms(
        "pet", clients=UPDATES, min_clients=3, ring_bits=arguments.ring, clip=8.0, examples_max=10_000,
        cipher=arguments.cipher, sum_participants=3, threshold=2, quorum=3, neighbours=0,
    )  # fmt: skip
    vector_bytes = arguments.parameters * terms.ring_bits // 8
    rows = {
        step.name: {
            "seconds": fastest(step.run, arguments.repeats),
            "bound": step.bound,
            "vectors": peak_bytes(step.run) / vector_bytes,
        }
        for step in steps(terms, arguments.parameters)
    }
    if arguments.json:
        print(json.dumps(rows))
        return
    print(f"{'step':44} {'seconds':>9} {'bound':>7} {'memory':>9}")
    for name, row in rows.items():
        bound = f"{row['bound']:.2f}" if row["bound"] else ""
        print(f"{name:44} {row['seconds']:>9.3f} {bound:>7} {row['vectors']:>7.2f} v")


def steps(terms: SecureTerms, parameters: int) -> Iterator[Step]:
    """Give the steps of a client, a sum participant and a combiner."""
    random = np.random.default_rng(0)
    base = [random.standard_normal(parameters // ARRAYS, np.float32) for _ in range(ARRAYS)]
    update = [each + np.float32(0.01) * each[::-1] for each in base]
    structure = Structure.of(base)
    ring = RingQuantiser(terms, structure)
    keys = [MaskKey(number.to_bytes(32, "big")) for number in range(UPDATES)]
    words = ring.quantised(update, base, 5_000)
    summed = MaskedSums(10**9).partial(ring.masked_structure)
    summed.accumulate([np.zeros_like(words)], 1.0)

    def quantise(count: int) -> None:
        add_masks(ring.quantised(update, base, 5_000), keys[:count], terms.cipher)

    yield Step("client: quantise and mask, (1,1): 1 key", 0.15, lambda: quantise(1))
    yield Step("client: quantise and mask, (3,2): 3 keys", 0.4, lambda: quantise(3))
    yield Step("client: quantise alone", 0, lambda: quantise(0))
    private = replace(terms, norm_clip=1.0, noise_deviation=0.01)
    noisy = RingQuantiser(private, structure)
    yield Step(
        "client: quantise with discrete Gaussian noise",
        0,
        lambda: noisy.quantised(update, base, 5_000),
    )
    yield Step(
        f"sum participant: the masks of {UPDATES} updates",
        8.0,
        lambda: add_masks(np.zeros_like(words), keys, terms.cipher),
    )
    yield Step("combiner: add one masked update", 0.03, lambda: summed.accumulate([words], 1.0))

    plain = MaskedSums(terms.clients).partial(ring.masked_structure)
    plain.accumulate([words], 1.0)
    masks = MaskedSums(terms.clients).partial(ring.masked_structure)
    order, model = Unmasking(terms), ModelFile(structure, base)

    def remove() -> np.ndarray:
        return unmasked(order, [plain], [masks])

    def make() -> None:
        for array in ring.mean(remove(), base)[0]:
            for _ in flat_blocks(array):
                pass

    yield Step("combiner: remove the masks, make the mean", 0.1, make)
    yield Step(
        "combiner: … and give it to the aggregator",
        0,
        lambda: folded_mean(aggregator("fedavg"), ring, remove(), model),
    )


def fastest(step: Callable[[], object], repeats: int) -> float:
    """Return the smallest CPU time of a step, in seconds of this thread; it runs once before."""
    step()
    times = []
    for _ in range(repeats):
        began = time.thread_time()
        step()
        times.append(time.thread_time() - began)
    return min(times)


def peak_bytes(step: Callable[[], object]) -> int:
    """Return the memory that a step takes at its peak."""
    tracemalloc.start()
    step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    main()

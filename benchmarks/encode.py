"""The CPU time that a codec costs a client and a combiner for one update, and the bytes that it saves.

    python benchmarks/encode.py                  # a float32 model of 50 MB
    python benchmarks/encode.py --megabytes 200 --json

The fastest of several runs is shown. A plain update is written, hashed and folded; an encoded one is encoded besides.
The update differs from the global model by about a hundredth of its numbers.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fednet.aggregation import aggregator
from fednet.blob_ref import BlobRef
from fednet.client.encoding import encode_update
from fednet.client.tasks import Task
from fednet.combiner.engine.folding import Folding
from fednet.combiner.engine.update_format import UpdateFormat
from fednet.digests import Algorithm, digest_of_file
from fednet.parameters import Structure, model_format
from fednet.update_codec import codec_names, codec_of

if TYPE_CHECKING:
    from collections.abc import Callable

FORM = model_format("numpyhelper")


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=50, help="size of the float32 model")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), arguments.megabytes, arguments.repeats)
    if arguments.json:
        print(json.dumps(rows))
        return
    print(f"{'codec':16} {'encode':>9} {'fold':>9} {'size':>9}")
    for codec, row in rows.items():
        encode, fold = (f"{1000 * row[step]:.0f} ms" for step in ("encode", "fold"))
        print(f"{codec:16} {encode:>9} {fold:>9} {row['megabytes']:>6.1f} MB")


def measure(folder: Path, megabytes: int, repeats: int) -> dict[str, dict[str, float]]:
    """Return the CPU seconds and the size for each codec."""
    random = np.random.default_rng(0)
    before = random.normal(0, 0.05, megabytes * 250_000).astype(np.float32)
    trained = before + random.normal(0, 0.0005, before.size).astype(np.float32)
    FORM.write(folder / "model", [before])
    return {name: _row(folder, name, trained, repeats) for name in codec_names()}


def _row(folder: Path, name: str, trained: np.ndarray, repeats: int) -> dict[str, float]:
    digest = digest_of_file(folder / "model", Algorithm.BLAKE3)
    task = Task("t", "TRAIN", BlobRef("MODEL", "m", digest), None, 1, FORM.name, {}, None)
    task = dataclasses.replace(task, update_codec=codec_of(name))
    update, rule = folder / "update", aggregator("fedavg")
    updates = UpdateFormat(FORM, folder / "model", digest.text, reads_blocks=rule.reads_blocks)
    folding = Folding(rule, Structure.of([trained]), updates)

    def encode() -> float:
        FORM.write(update, [trained])
        return _seconds(lambda: encode_update(update, folder / "model", task))

    def fold() -> float:
        return _seconds(lambda: folding.fold(update, 1.0, {"client_id": "a"}))

    row = {step.__name__: min(step() for _ in range(repeats)) for step in (encode, fold)}
    return {**row, "megabytes": update.stat().st_size / 1e6}


def _seconds(call: Callable[[], object]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    main()

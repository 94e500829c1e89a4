"""The speed at which a combiner opens, checks and folds an update, against NumPy's addition.

    python benchmarks/fold.py                  # a model of 20 MB
    python benchmarks/fold.py --megabytes 200  # the size of the published figures
    python benchmarks/fold.py --json

Each step is timed several times and the fastest run is shown, which has the least disturbance by other work. `np.add`
adds the same numbers in one call; it is the limit for the fold.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fednet.aggregation import aggregator
from fednet.parameters import Structure, check_finite, open_model, write_model

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 1000
ARRAYS = 10
MEGABYTES_MAX = 2000


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=20, help="size of the float32 model")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not 1 <= arguments.megabytes <= MEGABYTES_MAX or arguments.repeats < 1:
        parser.error(f"--megabytes must be 1 to {MEGABYTES_MAX}, and --repeats at least 1")
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure(Path(folder), arguments.megabytes, arguments.repeats)
    report = {name: {"seconds": s, "gb_per_second": arguments.megabytes / 1000 / s}
              for name, s in seconds.items()}  # fmt: skip
    if arguments.json:
        print(json.dumps({"megabytes": arguments.megabytes, "steps": report}))
    else:
        print_table(arguments.megabytes, report)


def measure(folder: Path, megabytes: int, repeats: int) -> dict[str, float]:
    """Return the seconds of each step; the steps of an update share one mapped file, as on a combiner."""
    random = np.random.default_rng(0)
    columns = megabytes * 1_000_000 // (4 * ROWS * ARRAYS)
    arrays = [random.standard_normal((ROWS, columns), np.float32) for _ in range(ARRAYS)]
    path = folder / "model.npz"
    partial = aggregator("fedavg").partial(Structure.of(arrays))
    sums = [array.astype(np.float64) for array in arrays]

    seconds = {"write": fastest(lambda: write_model(path, arrays), repeats)}
    seconds["open"] = fastest(lambda: open_model(path).close(), repeats)
    with open_model(path) as model:
        seconds["check"] = fastest(lambda: check_finite(model.arrays), repeats)
        seconds["fold"] = fastest(lambda: partial.accumulate(model.arrays, 7), repeats)
    seconds["open + check + fold"] = sum(seconds[step] for step in ("open", "check", "fold"))
    seconds["np.add float32 to float64"] = fastest(lambda: add(sums, arrays), repeats)
    seconds["np.add float64 to float64"] = fastest(lambda: add(sums, sums), repeats)
    seconds["finish"] = fastest(
        lambda: sum(each.size for each in partial.finish((), None)), repeats
    )
    return seconds


def add(sums: list[np.ndarray], arrays: list[np.ndarray]) -> None:
    """Add each array to its sum, in one call without a weight."""
    for total, array in zip(sums, arrays, strict=True):
        np.add(total, array, out=total)


def fastest(step: Callable[[], object], repeats: int) -> float:
    """Return the smallest number of seconds of a step; it runs once before, to allocate its memory."""
    step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times)


def print_table(megabytes: int, report: dict[str, dict[str, float]]) -> None:
    """Print a line for each step; GB are those of the float32 model."""
    print(f"{f'{megabytes} MB of float32':<28}{'ms':>10}{'GB/s':>10}")
    for name, step in report.items():
        print(f"{name:<28}{step['seconds'] * 1000:>10.2f}{step['gb_per_second']:>10.2f}")


if __name__ == "__main__":
    main()

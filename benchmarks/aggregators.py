"""The cost of each aggregator: seconds to fold and to finish, and the peak of its memory.

    python benchmarks/aggregators.py                      # 20 updates of a model of 20 MB
    python benchmarks/aggregators.py --updates 50 krum    # some of them only
    python benchmarks/aggregators.py --json

The updates are files, as on a combiner. Each aggregator runs in a process of its own, so that its peak is its own; the
memory of the process before the first update does not count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from fednet.aggregation import aggregator, aggregator_names
from fednet.parameters import Structure, open_model, write_model

ROWS = 1000
ARRAYS = 10
MEGABYTES_MAX = 1000
UPDATES_MIN = 7  # Bulyan needs this number
UPDATES_MAX = 500


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="aggregators; by default all")
    parser.add_argument("--megabytes", type=int, default=20, help="size of the float32 model")
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", help=argparse.SUPPRESS)  # measure here, in this process
    arguments = parser.parse_args()
    if not 1 <= arguments.megabytes <= MEGABYTES_MAX:
        parser.error(f"--megabytes must be 1 to {MEGABYTES_MAX}")
    if not UPDATES_MIN <= arguments.updates <= UPDATES_MAX:
        parser.error(f"--updates must be {UPDATES_MIN} to {UPDATES_MAX}")
    if arguments.folder:
        print(json.dumps(measure(arguments.names[0], Path(arguments.folder))))
        return
    names = arguments.names or aggregator_names()
    report = measure_all(names, arguments.megabytes, arguments.updates)
    if arguments.json:
        print(json.dumps(report))
    else:
        print_table(report, arguments.megabytes, arguments.updates)


def measure_all(names: list[str], megabytes: int, updates: int) -> dict[str, Any]:
    """Measure each aggregator in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        write_updates(Path(folder), megabytes, updates)
        command = [sys.executable, __file__, "--folder", folder]
        return {name: json.loads(subprocess.check_output([*command, name])) for name in names}


def write_updates(folder: Path, megabytes: int, updates: int) -> None:
    """Write the base and the updates, which are random and near one another."""
    columns = megabytes * 1_000_000 // (4 * ROWS * ARRAYS)
    for number in range(updates + 1):
        random = np.random.default_rng(number)
        arrays = (random.standard_normal((ROWS, columns), np.float32) for _ in range(ARRAYS))
        write_model(folder / ("base" if number == updates else f"update-{number}"), arrays)


def measure(name: str, folder: Path) -> dict[str, float]:
    """Return the seconds, and the growth of the peak of this process's memory in MB."""
    rule = aggregator(name)
    with open_model(folder / "base") as base:
        partial = rule.partial(Structure.of(base.arrays))
        before = peak_megabytes()
        start = time.perf_counter()
        for path in sorted(folder.glob("update-*")):
            with open_model(path) as update:
                partial.accumulate(update.arrays, 7, {"num_steps": 3})
        folded = time.perf_counter()
        state = partial.advance(base.arrays, None)
        if state is not None:
            write_model(folder / "state", state)
            state = open_model(folder / "state").arrays
        write_model(folder / "model", partial.finish(base.arrays, state))
        finished = time.perf_counter()
    return {
        "fold_seconds": folded - start,
        "finish_seconds": finished - folded,
        "peak_megabytes": peak_megabytes() - before,
    }


def peak_megabytes() -> float:
    """Return the peak of this process's memory, including mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def print_table(report: dict[str, Any], megabytes: int, updates: int) -> None:
    """Print a line for each aggregator."""
    print(f"{updates} updates of {megabytes} MB")
    print(f"{'':<20}{'fold s':>10}{'finish s':>10}{'peak MB':>10}")
    for name, found in report.items():
        figures = (found["fold_seconds"], found["finish_seconds"], found["peak_megabytes"])
        print(f"{name:<20}{figures[0]:>10.2f}{figures[1]:>10.2f}{figures[2]:>10.0f}")


if __name__ == "__main__":
    main()

"""The CPU time of Xaynet's wire for each weight: masking, the mask of one seed, addition and unmasking.

    python benchmarks/xaynet.py                  # a million weights
    python benchmarks/xaynet.py --weights 25000000 --json

The fastest of several runs is shown.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

import numpy as np

from fednet.xaynet import (
    DTYPES,
    BoundType,
    DataType,
    GroupType,
    MaskConfig,
    MaskObject,
    ModelType,
    derive_mask,
    mask,
    model_to_bytes,
    unmask,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIGS = {
    "Prime/F32/B0/M3": (DataType.F32, BoundType.B0, ModelType.M3),
    "Prime/F32/B0/M6": (DataType.F32, BoundType.B0, ModelType.M6),
    "Prime/F32/B6/M12": (DataType.F32, BoundType.B6, ModelType.M12),
    "Prime/F64/B0/M3": (DataType.F64, BoundType.B0, ModelType.M3),
}
STEPS = ("mask", "seed", "add", "unmask")


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = {
        name: measure(MaskConfig(GroupType.Prime, *members), arguments.weights, arguments.repeats)
        for name, members in CONFIGS.items()
    }
    if arguments.json:
        print(json.dumps(rows))
        return
    print(f"{'microseconds for a weight':26}" + "".join(f"{step:>10}" for step in STEPS))
    for name, row in rows.items():
        print(f"{name:26}" + "".join(f"{row[step]:>10.3f}" for step in STEPS))


def measure(config: MaskConfig, count: int, repeats: int) -> dict[str, float]:
    """Return the CPU microseconds for a weight of each step."""
    weights = np.random.default_rng(0).uniform(-1, 1, count).astype(DTYPES[config.data_type])
    seed = bytes(range(32))
    masked, seeds_mask = mask(weights, 0.3, seed, config), derive_mask(seed, config, count)

    def finish() -> None:
        copied = MaskObject(config, masked.vector.copy(), masked.unit)
        for _ in model_to_bytes(unmask(copied, seeds_mask, 1)):
            pass

    steps: dict[str, Callable[[], object]] = {
        "mask": lambda: mask(weights, 0.3, seed, config),
        "seed": lambda: derive_mask(seed, config, count),
        "add": lambda: MaskObject.zero(config, count).add(masked),
        "unmask": finish,
    }
    return {
        name: min(seconds(step) for _ in range(repeats)) * 1e6 / count
        for name, step in steps.items()
    }


def seconds(step: Callable[[], object]) -> float:
    """Return the CPU time of a step."""
    began = time.process_time()
    step()
    return time.process_time() - began


if __name__ == "__main__":
    main()

"""A round of a large model beside other systems: published FEDn, Flower and NVIDIA FLARE, and bare gRPC as the floor.

Each system is in an environment of its own, which `make peers` makes, and all run in turn, in one run: compare the
ratios, not the seconds of two machines. In every system clients return the model unchanged (fednet's change one value,
so that they fetch the model in each round), nothing is validated, and each part is a process of its own.

    python benchmarks/peers.py [--shapes 4x50] [--rounds 3] [--repeats 2] [--systems fedn flower flare] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from systems.comparison import compare, table
from systems.fedn import Fedn
from systems.flare import Flare
from systems.floor import Floor
from systems.flower import Flower
from systems.network import Network
from systems.processes import Environment
from systems.system import Shape, System

ROOT = Path(__file__).resolve().parents[1]
PEERS: Mapping[str, System] = {
    "fedn": Fedn(Environment(ROOT / ".venv-peer-fedn")),
    "flare": Flare(Environment(ROOT / ".venv-peer-nvflare")),
    "flower": Flower(Environment(ROOT / ".venv-peer-flwr")),
}


def main() -> None:
    """Measure and print."""
    options = _options()
    systems: list[System] = [Floor(), Network(), *(PEERS[name] for name in options.systems)]
    rows = []
    for shape in options.shapes:
        rows += compare(systems, shape, rounds=options.rounds, repeats=options.repeats)
    print(json.dumps(rows) if options.json else table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", type=Shape.parse, nargs="+", default=[Shape(4, 50)])
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds of a turn")
    parser.add_argument("--repeats", type=int, default=2, help="turns of each system")
    parser.add_argument("--systems", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()

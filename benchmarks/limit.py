"""A round of large models beside the floor: bare gRPC that moves the same bytes between as many processes.

A second floor writes what arrives to files, as everybody must who loses nothing: it shows what files cost here.

Both run in turn, in one run: compare the ratios, not the seconds of two machines. Everything is a process of its own,
and clients return the model unchanged but for one value. CPU time is that of all processes, for 10⁹ bytes moved; memory
is the peak of `RssAnon` of one process of each role.

    python benchmarks/limit.py [--shapes 4x50 4x200 10x200] [--rounds 4] [--repeats 3] [--codec bf16 …] [--json]
        [--also old,python=/tmp/old/.venv/bin/python] [--also NAME,OPTION=VALUE]

A shape is CLIENTSxMEGABYTES; `4x2200` is a model of one array of 2.2 GB. `--codec` adds a network for each codec of
updates, `--also` one of another environment, or one whose sessions have further options.
"""

from __future__ import annotations

import argparse
import json

from systems.comparison import compare, table
from systems.floor import Floor
from systems.network import Network
from systems.system import Shape, System

SHAPES = [Shape(4, 50), Shape(4, 200), Shape(10, 200)]


def main() -> None:
    """Measure and print."""
    options = _options()
    encoded = [Network(codec, options={"update_codec": codec}) for codec in options.codec]
    systems: list[System] = [Floor(), Floor(keeps_files=True), Network(), *encoded, *options.also]
    rows = []
    for shape in options.shapes:
        rows += compare(systems, shape, rounds=options.rounds, repeats=options.repeats)
    print(json.dumps(rows) if options.json else table(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", type=Shape.parse, nargs="+", default=SHAPES, metavar="4x50")
    parser.add_argument("--rounds", type=int, default=4, help="measured rounds of a turn")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each system")
    parser.add_argument("--codec", nargs="+", default=[], help="codecs of updates, such as bf16")
    parser.add_argument("--also", type=Network.parse, action="append", default=[], metavar="NAME,…")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Writes the first model: `python build.py [seed.npz]`."""

import sys

from model import initial

from fednet.helpers import get_helper

if __name__ == "__main__":
    get_helper("numpyhelper").save(initial(), sys.argv[1] if len(sys.argv) > 1 else "seed.npz")

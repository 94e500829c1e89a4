"""Writes the first model: `python build.py [seed.npz]`."""

import sys
from pathlib import Path

from model import initial, save

if __name__ == "__main__":
    save(Path(sys.argv[1] if len(sys.argv) > 1 else "seed.npz"), initial())

"""A copy of the product in which tests try what a change of a declaration costs."""

import filecmp
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

COMPONENTS = ("client", "combiner", "controller")


@dataclass(frozen=True)
class Copy:
    """A copy of the product, its generators and its pages, in the form in which it is installed."""

    repository: Path
    folder: Path

    def insert(self, name, before, text):
        """Write a text into a file, before another text that stands there once."""
        path = self.folder / name
        found = path.read_text()
        assert found.count(before) == 1
        path.write_text(found.replace(before, text + before))

    def run(self, *arguments):
        """Run Python with the copy in front of everything installed, and return its output."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={"PYTHONPATH": str(self.folder)},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def changed(self):
        """Return the files that are not as in the repository, or not there."""
        rooms = {"docs": "docs", "fednet": "fednet", "tools": "tools"}
        rooms |= {f"fednet/{each}": each for each in COMPONENTS}
        return {
            str(Path(room) / path.relative_to(self.folder / copy))
            for copy, room in rooms.items()
            for path in (self.folder / copy).rglob("*.*")
            if path.suffix in {".md", ".py"}
            and not _is_in_component(path, copy, self.folder)
            and not _is_same(self.repository / room / path.relative_to(self.folder / copy), path)
        }


def _is_in_component(path, copy, folder):
    """Return True for a file of a component, which is compared with that component's folder."""
    inside = path.relative_to(folder / copy).parts
    return copy == "fednet" and inside[0] in COMPONENTS


def _is_same(original, copy):
    return original.exists() and filecmp.cmp(original, copy, shallow=False)


@pytest.fixture
def product(repository, tmp_path):
    """Give a copy of the product."""
    leave_out = shutil.ignore_patterns("__pycache__", "*.pyc")
    for room in ("fednet", "docs", "tools"):
        shutil.copytree(repository / room, tmp_path / room, ignore=leave_out)
    for component in COMPONENTS:
        shutil.copytree(repository / component, tmp_path / "fednet" / component, ignore=leave_out)
    return Copy(repository, tmp_path)

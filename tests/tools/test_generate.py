"""What follows from declarations is generated, and committed as it is generated."""

import subprocess
import sys


def run(repository, *arguments):
    command = [sys.executable, str(repository / "tools" / "generate.py"), *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_everything_generated_is_current(repository):
    """If not: `make docs`, and commit what it writes."""
    checked = run(repository, "--check")

    assert (checked.stdout, checked.stderr, checked.returncode) == ("", "", 0)

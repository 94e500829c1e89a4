"""The threat model names tests that exist."""

import re

import pytest


@pytest.fixture
def named(repository):
    page = (repository / "docs" / "threat-model.md").read_text()
    return re.findall(r"`(tests/[\w/-]+\.py)(?:::(\w+))?`", page)


def test_every_named_test_exists(repository, named):
    """A defence whose test was renamed or removed is a promise that nobody holds."""
    missing = [
        f"{path}::{test}"
        for path, test in named
        if not (repository / path).is_file() or f"def {test}" not in (repository / path).read_text()
    ]

    assert missing == []
    assert len(named) > 30


def test_every_attack_has_a_test(repository):
    """Each row of the tables of attacks names one."""
    page = (repository / "docs" / "threat-model.md").read_text()
    attacks = page.partition("## Attacks and defences")[2].partition("## Not defended")[0]
    rows = [
        line for line in attacks.splitlines() if line.startswith("| ") and "| attack |" not in line
    ]

    assert [row for row in rows if "`tests/" not in row] == []

"""The lock file names one release of each package that the tests need, as the metadata allows it."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def pinned(repository):
    lines = (repository / "lock.txt").read_text().splitlines()
    pins = [re.match(r"([\w.-]+)==([\w.+!]+)", line) for line in lines]
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


def requirements(repository):
    """Return all requirements of the tests, through the extras that name extras of our own."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    found, due = [], [*project["dependencies"], *extras["test"]]
    while due:
        requirement = Requirement(due.pop())
        if requirement.name == project["name"]:
            due += [text for extra in requirement.extras for text in extras[extra]]
        else:
            found.append(requirement)
    return found


def test_every_requirement_is_locked_to_a_release_that_it_allows(repository):
    """If not: `make lock`, and commit what it writes."""
    pins = pinned(repository)

    wrong = [
        str(each)
        for each in requirements(repository)
        if not each.specifier.contains(pins.get(canonicalize_name(each.name), "0"))
    ]

    assert wrong == []
    assert len(pins) > len(requirements(repository))

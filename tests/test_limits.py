"""Every bound says its unit, and the bounds fit one another."""

import ast
from pathlib import Path

import pytest

from fednet import limits

QUALIFIERS = {"default", "first", "max", "min"}
MEASURED = {"deviations", "multiples", "nats", "probabilities", "seconds", "units"}
LIMITS = {name: value for name, value in vars(limits).items() if name.islower() and name[0] != "_"}


def unit_of(name: str) -> str:
    """The last word of a limit's name, before a qualifier such as `max` and before `per second`."""
    words = name.removesuffix("_per_second").split("_")
    return words[-2] if words[-1] in QUALIFIERS else words[-1]


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_names_its_unit(name: str) -> None:
    """A reader knows what is counted: `seconds`, `bytes`, `clients`, but no `size` or `timeout`."""
    assert unit_of(name).endswith("s")


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_is_a_positive_number_of_its_kind(name: str) -> None:
    """What is measured is a float, what is counted a whole number; none is zero."""
    kind = float if unit_of(name) in MEASURED else int

    assert type(LIMITS[name]) is kind
    assert LIMITS[name] > 0


def test_a_chunk_fits_in_a_message() -> None:
    """A transfer's chunk and its frame stay below what a gRPC message may hold."""
    assert limits.chunk_bytes + limits.KIB <= limits.message_bytes_max


def test_first_values_and_defaults_stay_below_their_maximum() -> None:
    """`x_first` and `x_default` are never above `x_max`."""
    bases = {name.rpartition("_")[0] for name in LIMITS if name.endswith(("_first", "_default"))}

    smaller = {base: LIMITS.get(f"{base}_first", LIMITS.get(f"{base}_default")) for base in bases}

    assert all(value <= LIMITS[f"{base}_max"] for base, value in smaller.items())


def test_every_limit_is_used(repository: Path) -> None:
    """A limit that no code reads promises what nobody holds."""
    rooms = ("fednet", "controller", "combiner", "client")
    files = [path for room in rooms for path in (repository / room).rglob("*.py")]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_bytes()))]

    read = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    read |= {node.name for node in nodes if isinstance(node, ast.alias)}

    assert set(LIMITS) - read == set()

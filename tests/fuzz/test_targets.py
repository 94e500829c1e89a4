"""A short run of fuzzing; `make fuzz` is the long one."""

import tracemalloc

import pytest
from fuzz.mutations import damaged
from fuzz.targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

from fednet import limits

MEMORY_BYTES_MAX = 32 * limits.MIB


@pytest.fixture(scope="module", params=TARGETS.values(), ids=list(TARGETS))
def target(request):
    """Each target in its turn."""
    return request.param


@pytest.fixture(scope="module")
def seeds(target, tmp_path_factory):
    """The inputs that it takes."""
    return target.seeds(tmp_path_factory.mktemp("seeds"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty folder."""
    return tmp_path_factory.mktemp("fed")


def test_the_seeds_are_good_inputs(target, seeds, folder):
    """A parser takes what it is fed with before the damage, and leaves no file."""
    for seed in seeds:
        target.feed(seed, folder)

    assert seeds
    assert list(folder.iterdir()) == []


@settings(max_examples=60)
@given(data=st.data())
def test_damaged_input_is_read_or_refused_in_little_memory(target, seeds, folder, data):
    """Whatever the damage, a parser returns or raises one of its own errors, and takes a few MiB at most."""
    content = data.draw(damaged(seeds) | st.binary(max_size=200))

    tracemalloc.start()
    try:
        target.run(content, folder)
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BYTES_MAX
    finally:
        tracemalloc.stop()

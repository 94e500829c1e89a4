"""The sizes of the chunks of one file."""

import pytest

from fednet import limits
from fednet.errors import InvalidInput
from fednet.rpc import ChunkRule

LEAST = limits.chunk_bytes_min


@pytest.mark.parametrize("sizes", [[], [1], [LEAST], [LEAST, LEAST, 1], [limits.chunk_bytes, 1]])
def test_only_the_last_chunk_may_be_small(sizes):
    """A file of any size can be sent."""
    rule = ChunkRule()

    for size in sizes:
        rule.check(size)


@pytest.mark.parametrize("sizes", [[0], [LEAST, 0], [1, 1], [1, LEAST], [LEAST, LEAST - 1, 1]])
def test_empty_chunks_and_small_ones_before_others_are_refused(sizes):
    """At the first that breaks the rule."""
    rule = ChunkRule()
    *good, bad = sizes
    for size in good:
        rule.check(size)

    with pytest.raises(InvalidInput, match="chunk"):
        rule.check(bad)

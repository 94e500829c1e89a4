"""Values of the combiner that decide something."""

import pytest

from fednet.combiner.machine.values import Capabilities, PhaseContext, Task
from fednet.update_codec import PLAIN_CODEC, codec_names, codec_of


def task(codec: str) -> Task:
    """A task that asks for a codec."""
    context = PhaseContext("phase", "session")
    return Task("task", context, "numpyhelper", "", 1.0, update_codec=codec_of(codec))


@pytest.mark.parametrize("codec", codec_names())
def test_a_client_is_asked_for_a_codec_that_it_knows(codec: str) -> None:
    """All of its parts."""
    knows_all = Capabilities(codec_parts=frozenset({"delta", "bf16", "int8", "zstd"}))

    assert task(codec).within(knows_all).update_codec == codec_of(codec)
    assert task(codec).within(Capabilities()).update_codec == PLAIN_CODEC


def test_a_client_that_lacks_a_part_is_asked_for_a_plain_update() -> None:
    """The codec is taken whole or not at all."""
    lacks_delta = Capabilities(codec_parts=frozenset({"int8", "zstd"}))

    assert task("delta+int8+zstd").within(lacks_delta).update_codec == PLAIN_CODEC
    assert task("int8+zstd").within(lacks_delta).update_codec == codec_of("int8+zstd")

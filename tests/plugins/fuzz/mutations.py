"""Damage to valid inputs, as Hypothesis draws it."""

from hypothesis import strategies as st

CHANGES_MAX = 5
SPAN_BYTES_MAX = 64
# Numbers at the border of a type, as bytes; and what text formats give a meaning to.
_ODD = [
    *(number.to_bytes(size, order) for order in ("little", "big") for size in (2, 4, 8)
      for number in (0, 1, 2 ** (8 * size - 1) - 1, 2 ** (8 * size - 1), 2 ** (8 * size) - 1)),
    *(text.encode() for text in ("[" * 200, '{"a":' * 200, "NaN", "1e999", "-1", "9" * 400, "../", "\0", "%00",
                                 "&a *a", "!!python/object:x", "\\ud800", "\n", "\N{KELVIN SIGN}")),
    b"\xff\xfe", b"\xed\xa0\x80",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with a few changes: bytes overwritten, inserted, removed, or taken from another seed."""
    content = bytearray(draw(st.sampled_from(seeds)))
    pieces = st.binary(max_size=8) | st.sampled_from(_ODD) | _spans(seeds)
    for _ in range(draw(st.integers(1, CHANGES_MAX))):
        start = draw(st.integers(0, len(content)))
        removed = draw(st.integers(0, SPAN_BYTES_MAX))
        piece = draw(pieces)
        content[start : start + draw(st.sampled_from([0, len(piece), removed]))] = piece
    return bytes(content)


@st.composite
def _spans(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    seed = draw(st.sampled_from(seeds))
    start = draw(st.integers(0, len(seed)))
    return seed[start : start + SPAN_BYTES_MAX]

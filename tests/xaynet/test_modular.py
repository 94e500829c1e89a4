"""Arithmetic modulo an order agrees with Python's integers."""

from hypothesis import given
from hypothesis import strategies as st

from fednet.xaynet._modular import Modulus

ORDERS = [
    20_000_000_000_021,
    2**61,
    2**63 + 1,
    2**64,
    2 * 10**20 + 89,
    2**88,
    680_564_700 * 10**78 + 281,
]


@st.composite
def orders_and_numbers(draw) -> tuple[int, list[int], list[int]]:
    """An order, and two vectors of one length."""
    order = draw(st.sampled_from(ORDERS))
    number = st.integers(0, order - 1) | st.sampled_from([0, 1, order - 1])
    pairs = draw(st.lists(st.tuples(number, number), min_size=1, max_size=20))
    return order, [first for first, _ in pairs], [second for _, second in pairs]


@given(orders_and_numbers())
def test_sums_and_differences_are_exact(case):
    """Carries and borrows pass through all digits."""
    order, first, second = case
    modulus = Modulus(order)
    total, difference = modulus.of_ints(first), modulus.of_ints(first)

    modulus.add(total, modulus.of_ints(second))
    modulus.subtract(difference, modulus.of_ints(second))

    assert modulus.to_ints(total) == [(a + b) % order for a, b in zip(first, second, strict=True)]
    assert modulus.to_ints(difference) == [
        (a - b) % order for a, b in zip(first, second, strict=True)
    ]


@given(orders_and_numbers())
def test_numbers_compare_as_integers(case):
    """The highest digit that differs decides."""
    order, first, second = case
    modulus = Modulus(order)

    for limit in second:
        assert modulus.are_below(modulus.of_ints(first), limit).tolist() == [
            a < limit for a in first
        ]
    assert modulus.are_below(modulus.of_ints(first)).all()


@given(orders_and_numbers())
def test_bytes_are_little_endian(case):
    """A number of any width is read as it is written."""
    order, first, _ = case
    modulus, width = Modulus(order), (order.bit_length() + 7) // 8

    data = modulus.to_bytes(modulus.of_ints(first), width)

    assert data == b"".join(number.to_bytes(width, "little") for number in first)
    assert modulus.to_ints(modulus.of_bytes(data, width)) == first

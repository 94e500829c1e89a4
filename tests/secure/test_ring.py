"""Updates as words of the ring, and their mean."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from fednet.errors import InvalidModel
from fednet.parameters import BLOCK_ITEMS, Structure, flat_blocks
from fednet.secure.masks import MaskKey, add_masks
from fednet.secure.ring import RingQuantiser
from fednet.secure.terms import SecureTerms

FLOATS = (np.float16, np.float32, np.float64)
INTEGERS = (np.int8, np.uint8, np.int32, np.int64, np.uint64)
SHAPES = [(3, 4), (5,), (), (0, 2)]


def terms_of(**changes):
    values = {
        "protocol": "pet", "clients": 10, "min_clients": 3, "ring_bits": 32, "clip": 8.0,
        "examples_max": 1000, "cipher": "chacha20", "sum_participants": 3, "threshold": 2,
        "quorum": 3, "neighbours": 0,
    }  # fmt: skip
    return SecureTerms(**values | changes)


def model_of(seed, dtype=np.float32):
    random = np.random.default_rng(seed)
    return [random.normal(0, 1, shape).astype(dtype) for shape in SHAPES]


def whole(arrays):
    return [
        np.concatenate([np.empty(0, array.dtype), *flat_blocks(array)]).reshape(array.shape)
        for array in arrays
    ]


def summed(vectors):
    """The sum of words, which wraps around."""
    total = np.zeros_like(vectors[0])
    for vector in vectors:
        total += vector
    return total


@st.composite
def rounds(draw):
    """Terms, a model of floats, and updates that may lie beyond the clip, each with its examples."""
    clients = draw(st.integers(3, 40))
    terms = terms_of(
        clients=clients,
        ring_bits=draw(st.sampled_from([32, 64])),
        clip=draw(st.sampled_from([0.37, 1.0, 8.0, 100.0])),
        examples_max=draw(st.sampled_from([1, 100, 10_000])),
    )
    shapes = draw(st.lists(arrays_of.array_shapes(min_dims=0, max_side=4), min_size=1, max_size=3))
    dtype = draw(st.sampled_from(FLOATS))
    numbers = st.integers(-1500, 1500).map(lambda steps: dtype(steps * terms.clip / 1000))
    made = [arrays_of.arrays(dtype, shape, elements=numbers) for shape in shapes]
    base = [draw(array) for array in made]
    count = draw(st.integers(1, min(clients, 5)))
    updates = [[draw(array) for array in made] for _ in range(count)]
    examples = [draw(st.integers(1, 2 * terms.examples_max)) for _ in range(count)]
    return terms, base, updates, examples


@given(rounds())
def test_the_mean_of_the_sum_is_the_mean_of_the_updates(given_round):
    """Each number is off by at most half a step for each update, over the share of the weight that is there."""
    terms, base, updates, examples = given_round
    ring = RingQuantiser(terms, Structure.of(base))
    examples = [min(each, terms.examples_max) for each in examples]
    shares = np.array(examples) / terms.examples_max
    exact = [
        before.astype(np.float64)
        + np.average(
            [np.clip(update[place] - before.astype(np.float64), -terms.clip, terms.clip) for update in updates],
            axis=0,
            weights=shares,
        )
        for place, before in enumerate(base)
    ]  # fmt: skip

    total = summed(
        [
            ring.quantised(update, base, count)
            for update, count in zip(updates, examples, strict=True)
        ]
    )
    mean, weight = ring.mean(total, base)

    assert weight == sum(examples)
    step = 2.0**-terms.fraction_bits * len(updates) / shares.sum()
    for made, expected in zip(whole(mean), exact, strict=True):
        # Full precision would need more than float64 in the largest ring; the clip takes one step more.
        assert np.allclose(made, expected, rtol=1e-12, atol=1.5 * step + 1e-12 * terms.clip)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("ring_bits", [32, 64])
@pytest.mark.parametrize(("clients", "clip"), [(3, 8.0), (4, 8.0), (100, 1.0), (128, 0.3)])
def test_the_largest_updates_do_not_wrap_around(clients, clip, ring_bits, sign):
    """As many updates as the terms allow, all beyond the clip and of the largest weight, give the clip."""
    terms = terms_of(clients=clients, clip=clip, ring_bits=ring_bits)
    base = [np.zeros(3)]
    ring = RingQuantiser(terms, Structure.of(base))

    far = ring.quantised([np.full(3, sign * 1e300)], base, 10**9)
    mean, weight = ring.mean(summed([far] * clients), base)

    assert weight == clients * terms.examples_max
    steps = 2 * 2.0**-terms.fraction_bits
    assert np.allclose(whole(mean)[0], sign * clip, rtol=1e-15, atol=steps)


@given(
    st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=4),
    st.sampled_from([32, 64]),
    st.sampled_from(["chacha20", "aes-ctr"]),
)
def test_masks_leave_the_mean_exactly_as_it_is(keys, ring_bits, cipher):
    """Each update is masked by keys of its own; the sum minus the sum of all masks has the same bytes."""
    terms = terms_of(ring_bits=ring_bits, cipher=cipher)
    base = model_of(0)
    ring = RingQuantiser(terms, Structure.of(base))
    plain = [ring.quantised(model_of(seed), base, 10 * seed) for seed in range(1, 4)]
    given_keys = [[MaskKey(bytes([place]) + key[1:]) for key in keys] for place in range(3)]

    masked = [vector.copy() for vector in plain]
    for vector, own in zip(masked, given_keys, strict=True):
        add_masks(vector, own, cipher)
    masks = np.zeros_like(plain[0])
    add_masks(masks, list(itertools.chain(*given_keys)), cipher)

    assert not any(np.array_equal(*pair) for pair in zip(masked, plain, strict=True))
    assert np.array_equal(summed(masked) - masks, summed(plain))


@pytest.mark.parametrize("ring_bits", [32, 64])
@given(st.data())
def test_integers_move_further_than_the_clip(ring_bits, data):
    """Counters and booleans take the rounded mean, in their dtypes, whatever the size of the number."""
    terms = terms_of(ring_bits=ring_bits, clients=4, clip=0.01, examples_max=10)
    dtype = np.dtype(data.draw(st.sampled_from(INTEGERS)))
    info = np.iinfo(dtype)
    before = data.draw(st.integers(int(info.min), int(info.max)))
    moves = data.draw(st.lists(st.integers(-20_000, 20_000), min_size=3, max_size=4))
    assume(all(info.min <= before + move <= info.max for move in moves))
    base = [np.array([before], dtype), np.array([True, False])]
    ring = RingQuantiser(terms, Structure.of(base))

    total = summed(
        [
            ring.quantised([np.array([before + move], dtype), np.array([False, True])], base, 10)
            for move in moves
        ]
    )
    (counter, flags), _ = ring.mean(total, base)

    assert counter.dtype == dtype
    assert abs(int(whole([counter])[0][0]) - before - sum(moves) / len(moves)) <= 0.5
    assert whole([flags])[0].tolist() == [False, True]


def test_integers_beyond_the_room_of_the_ring_are_clipped():
    """A counter that moves too far does not wrap around into the other sign."""
    terms = terms_of(clients=4)
    base = [np.array([0], np.int64)]
    ring = RingQuantiser(terms, Structure.of(base))

    total = summed([ring.quantised([np.array([2**62])], base, 1000)] * 4)
    (counter,) = whole(ring.mean(total, base)[0])

    assert 2**20 < counter[0] <= 2**21


def test_every_memory_order_and_block_length_is_read():
    """An array may be larger than a block, in Fortran order, transposed and big-endian."""
    shape = (3, BLOCK_ITEMS // 2 + 5)
    base = [np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)]
    update = [base[0] + np.random.default_rng(2).normal(0, 1, shape).astype(np.float32)]
    ring = RingQuantiser(terms_of(), Structure.of(base))
    plain = ring.quantised(update, base, 7)

    fortran = ring.quantised([np.asfortranarray(update[0])], base, 7)
    foreign = ring.quantised(update, [base[0].astype(">f4")], 7)
    mean = whole(ring.mean(plain, [np.asfortranarray(base[0])])[0])

    assert np.array_equal(plain, fortran)
    assert np.array_equal(plain, foreign)
    assert np.array_equal(mean[0], whole(ring.mean(plain, base)[0])[0])
    # One update of 7 examples of 1,000: the step of the mean is 1000 / 7 steps.
    assert np.allclose(mean[0], update[0], rtol=0, atol=2.0**-24 * 1000 / 7)


def test_a_sum_with_masks_is_refused():
    """The weight of a sum with a mask is impossible, so it becomes no model."""
    base = model_of(0)
    ring = RingQuantiser(terms_of(), Structure.of(base))
    total = ring.quantised(model_of(1), base, 10)
    add_masks(total, [MaskKey(bytes(32))], "chacha20")

    with pytest.raises(InvalidModel, match="masks were not removed"):
        ring.mean(total, base)


def test_an_empty_sum_is_refused():
    """A weight of 0 is no sum of updates."""
    base = model_of(0)
    ring = RingQuantiser(terms_of(), Structure.of(base))

    with pytest.raises(InvalidModel, match="0 examples"):
        ring.mean(np.zeros(ring.count, np.uint32), base)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused(bad):
    """Nobody could find it in the sum later."""
    base = model_of(0)
    update = model_of(1)
    update[1][2] = bad

    with pytest.raises(InvalidModel, match="'1' holds NaN"):
        RingQuantiser(terms_of(), Structure.of(base)).quantised(update, base, 10)


@pytest.mark.parametrize("examples", [0, -1, np.nan, 2**54])
def test_an_invalid_number_of_examples_is_refused(examples):
    """It is checked by the client, because in a masked sum nobody else can."""
    base = model_of(0)

    with pytest.raises(InvalidModel, match="num_examples"):
        RingQuantiser(terms_of(), Structure.of(base)).quantised(base, base, examples)


def test_an_update_of_another_shape_is_refused():
    """The message names the array."""
    base = model_of(0)
    ring = RingQuantiser(terms_of(), Structure.of(base))

    with pytest.raises(InvalidModel, match="Array '1' has shape"):
        ring.quantised([base[0], np.zeros(6), *base[2:]], base, 1)


def test_a_norm_clip_bounds_the_words():
    """The norm of an update's words is at most that of the clip, and half a step for each number; all count alike."""
    terms = terms_of(norm_clip=0.5)
    base = [*model_of(0), np.array([3], np.int64)]
    update = [*model_of(1), np.array([9], np.int64)]
    ring = RingQuantiser(terms, Structure.of(base))

    vector = ring.quantised(update, base, 400)
    words = vector[:-1].view(np.int32).astype(np.float64)

    assert vector[-1] == 1
    assert words[-1] == 0
    largest = 0.5 * 2**terms.fraction_bits
    assert 0.99 * largest < np.linalg.norm(words) <= largest + np.sqrt(words.size) / 2


def test_a_short_difference_keeps_its_length_under_a_norm_clip():
    """Only longer ones are scaled."""
    terms = terms_of(norm_clip=1e3)
    base, update = model_of(0), model_of(1)
    ring = RingQuantiser(terms, Structure.of(base))

    mean, weight = ring.mean(ring.quantised(update, base, 400), base)

    assert weight == 1
    assert np.allclose(whole(mean)[0], update[0], rtol=0, atol=2.0**-terms.fraction_bits)


def test_the_structure_of_a_masked_update_has_one_word_more_than_the_model():
    """It is one array of the ring's words, so a model file can hold it."""
    structure = Structure.of(model_of(0))

    (spec,) = RingQuantiser(terms_of(ring_bits=64), structure).masked_structure.arrays

    assert (spec.shape, spec.dtype) == ((structure.size + 1,), "uint64")

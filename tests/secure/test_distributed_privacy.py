"""Distributed differential privacy: the noise in a sum, and its account."""

import math

import numpy as np
import pytest

from fednet.errors import InvalidInput
from fednet.parameters import Structure
from fednet.privacy import epsilon_after
from fednet.secure.discrete_gaussian import DiscreteGaussian
from fednet.secure.distributed_privacy import noise_multiplier_of_sum, sensitivity_in_steps
from fednet.secure.ring import RingQuantiser, noise_in_steps
from fednet.secure.terms import SecureTerms

NUMBERS = 20_000


def terms_of(**changes):
    values = {
        "protocol": "pet", "clients": 10, "min_clients": 3, "ring_bits": 32, "clip": 8.0,
        "examples_max": 1000, "cipher": "chacha20", "sum_participants": 3, "threshold": 2,
        "quorum": 3, "neighbours": 0, "norm_clip": 1.0, "noise_deviation": 0.1,
    }  # fmt: skip
    return SecureTerms(**values | changes)


def test_the_sum_has_the_noise_of_all_clients():
    """Its variance is the sum of theirs, and the model has it over the number of updates."""
    terms, clients = terms_of(), 9
    base = [np.zeros(NUMBERS, np.float32)]
    ring = RingQuantiser(terms, Structure.of(base))
    total = np.zeros(ring.count, np.uint32)

    for _ in range(clients):
        total += ring.quantised(base, base, 500)
    (mean,), weight = ring.mean(total, base)
    numbers = np.concatenate(list(mean.flat_blocks()))

    assert weight == clients
    assert numbers.std() == pytest.approx(0.1 / math.sqrt(clients), rel=0.03)


def test_the_weight_and_integers_have_no_noise():
    """Integers are those of the model anyway, and the number of updates is public."""
    base = [np.zeros(NUMBERS), np.array([3, 4])]
    ring = RingQuantiser(terms_of(), Structure.of(base))

    words = ring.quantised([base[0], base[1] + 5], base, 500)

    assert words[-3:].tolist() == [0, 0, 1]
    assert words[:-3].any()


def test_the_noise_of_a_source_is_used():
    """So a test can repeat it."""
    terms = terms_of()
    base = [np.zeros(100)]
    ring = RingQuantiser(terms, Structure.of(base))
    expected = DiscreteGaussian(bytes(32)).draw(noise_in_steps(terms), 100)

    words = ring.quantised(base, base, 1, DiscreteGaussian(bytes(32)))

    assert np.array_equal(words[:-1].view(np.int32), expected)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length", [0.1, 1.0, 1e6])
def test_no_update_is_longer_than_the_sensitivity(seed, length):
    """Its words are at most so long, whatever the difference was."""
    terms = terms_of(noise_deviation=0.0, norm_clip=0.001)
    base = [np.zeros(NUMBERS)]
    step = np.random.default_rng(seed).standard_normal(NUMBERS)
    update = [length * step / np.linalg.norm(step)]

    words = RingQuantiser(terms, Structure.of(base)).quantised(update, base, 1)

    norm = np.linalg.norm(words[:-1].view(np.int32).astype(np.float64))
    assert norm <= sensitivity_in_steps(terms, NUMBERS)


def test_the_account_is_that_of_a_gaussian_mechanism():
    """With fine steps, the multiplier is the noise of all clients over the clip, and a little less for the rounding."""
    terms = terms_of(ring_bits=64, noise_deviation=0.5)

    multiplier = noise_multiplier_of_sum(terms, NUMBERS, 9)

    assert multiplier == pytest.approx(1.5, rel=1e-9)
    assert multiplier < 1.5
    assert epsilon_after(10, multiplier, 1e-5) == pytest.approx(
        epsilon_after(10, 1.5, 1e-5), rel=1e-6
    )


def test_rounding_and_dropouts_cost_privacy():
    """Coarser steps, more numbers and fewer clients in the sum give a smaller multiplier."""
    fine = noise_multiplier_of_sum(terms_of(), NUMBERS, 9)

    assert noise_multiplier_of_sum(terms_of(clip=2.0**20), NUMBERS, 9) < 0.99 * fine
    assert noise_multiplier_of_sum(terms_of(), 10**8 * NUMBERS, 9) < 0.99 * fine
    assert noise_multiplier_of_sum(terms_of(), NUMBERS, 4) == pytest.approx(2 / 3 * fine)


def test_a_sum_of_few_steps_of_noise_loses_more():
    """A sum of discrete Gaussian numbers is no discrete Gaussian number; by the paper's formula, computed apart."""
    terms = terms_of(clients=4, clip=8.0, norm_clip=1.0, noise_deviation=0.75 * 2.0**-26)
    assert noise_in_steps(terms) == 0.75
    tau = 10 * sum(math.exp(-2 * math.pi**2 * 0.75**2 * k / (k + 1)) for k in (1, 2, 3))
    loss = sensitivity_in_steps(terms, 100) / (2 * 0.75) + tau * 10

    assert noise_multiplier_of_sum(terms, 100, 4) == pytest.approx(1 / loss)
    assert tau > 0.03


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"norm_clip": 0.0}, "norm_clip"),
        ({"noise_deviation": 0.0}, "noise_deviation"),
        ({"noise_deviation": 1e-9}, "noise_deviation"),
    ],
)
def test_terms_without_a_guarantee_have_no_account(changes, field):
    """The error names the field."""
    with pytest.raises(InvalidInput) as refusal:
        noise_multiplier_of_sum(terms_of(**changes), NUMBERS, 3)

    assert refusal.value.field == field


def test_noise_that_would_wrap_around_is_refused():
    """The ring has room for the sum of all noise, six deviations of it."""
    with pytest.raises(InvalidInput, match="leaves no room"):
        RingQuantiser(terms_of(noise_deviation=8.0), Structure.of([np.zeros(3)]))


def test_the_largest_updates_and_their_noise_do_not_wrap_around():
    """An update is clipped a little more, so that there is room for the noise."""
    terms = terms_of(clients=16, clip=1.0, norm_clip=1e6, noise_deviation=0.1)
    base = [np.zeros(NUMBERS)]
    ring = RingQuantiser(terms, Structure.of(base))
    total = np.zeros(ring.count, np.uint32)

    for _ in range(16):
        total += ring.quantised([np.full(NUMBERS, 5.0)], base, 1)
    (mean,), _ = ring.mean(total, base)
    numbers = np.concatenate(list(mean.flat_blocks()))

    assert numbers.min() > 0.7

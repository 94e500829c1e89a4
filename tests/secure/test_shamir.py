"""Shamir's shares and verifiable dealings, exhaustively in a small field and by examples in the real one."""

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.errors import InvalidInput
from fednet.secure.dealings import (
    EVIDENCE_BYTES,
    SharedSecrets,
    Values,
    challenge_of,
    evidence_for,
    is_opened,
    proof_of,
    share_bytes,
)
from fednet.secure.shamir import PRIME, polynomial, recovered, value_at, weights_at_zero

SEEDS = (bytes([1] * 32), bytes([2] * 32), bytes([3] * 32))


@given(st.integers(0, PRIME - 1), st.integers(2, 12), st.randoms(use_true_random=False))
def test_any_threshold_of_shares_gives_the_secret(secret, threshold, random):
    """Whichever holders are left, and in whatever order."""
    coefficients = polynomial(secret, threshold, SEEDS[0])
    points = random.sample(range(1, 40), threshold)

    shares = [value_at(coefficients, point) for point in points]

    assert recovered(shares, weights_at_zero(points)) == secret


@pytest.mark.parametrize("threshold", [2, 3])
def test_fewer_shares_say_nothing(threshold):
    """Exhaustively modulo 5: each view of t - 1 shares is as frequent for every secret."""
    prime = 5
    for points in itertools.combinations(range(1, prime), threshold - 1):
        views = [
            Counter(
                tuple(value_at([secret, *others], point, prime) for point in points)
                for others in itertools.product(range(prime), repeat=threshold - 1)
            )
            for secret in range(prime)
        ]

        assert all(view == views[0] for view in views)


@pytest.mark.parametrize("challenge", [0, 1, 3])
def test_a_proof_says_nothing_about_the_secrets(challenge):
    """Exhaustively modulo 5: z and the values of t - 1 holders are distributed alike for all pairs of secrets."""
    prime = 5
    views = []
    for key, own in itertools.product(range(prime), repeat=2):
        view: Counter = Counter()
        for k1, o1, b0, b1 in itertools.product(range(prime), repeat=4):
            polynomials = ([key, k1], [own, o1], [b0, b1])
            z = tuple(
                (b + challenge * k + challenge**2 * o) % prime
                for k, o, b in zip(*polynomials, strict=True)
            )
            view[z, *(value_at(each, 1, prime) for each in polynomials)] += 1
        views.append(view)

    assert all(view == views[0] for view in views)


def test_polynomials_follow_from_their_seeds():
    """A dealer that starts again deals the same shares; another seed gives others."""
    assert polynomial(7, 5, SEEDS[0]) == polynomial(7, 5, SEEDS[0])
    assert polynomial(7, 5, SEEDS[0])[1:] != polynomial(7, 5, SEEDS[1])[1:]
    assert polynomial(None, 5, SEEDS[0])[1:] == polynomial(7, 5, SEEDS[0])[1:]
    assert len(set(polynomial(None, 50, SEEDS[0]))) == 50


def dealt(threshold=3, holders=5):
    secrets = SharedSecrets.of(b"label", bytes([9] * 32), bytes([8] * 32), threshold, SEEDS)
    values = [secrets.values_at(point) for point in range(1, holders + 1)]
    commitments = [each.commitment for each in values]
    challenge = challenge_of(b"label", commitments)
    return secrets, values, commitments, challenge


def test_each_holder_can_tell_that_its_shares_are_right():
    """The evidence of an honest dealer fits the values of its holder, and of no other."""
    secrets, values, commitments, challenge = dealt()
    proof = proof_of(secrets.proof(commitments))

    evidence = [
        evidence_for(each.point, challenge, proof, commitment)
        for each, commitment in zip(values, commitments, strict=True)
    ]

    assert [[each.fits(one) for one in evidence] for each in values] == [
        [row == column for column in range(5)] for row in range(5)
    ]
    assert all(Values.read(b"label", each.point, each.content) == each for each in values)


@pytest.mark.parametrize("part", ["key", "own", "blind"])
def test_a_dealer_whose_polynomial_has_a_higher_degree_is_found(part):
    """The proof has `threshold` coefficients, and the values of no such polynomial fit them."""
    polynomials = {name: polynomial(5, 3, SEEDS[0]) for name in ("key", "own", "blind")}
    lie = SharedSecrets(b"label", **polynomials | {part: polynomial(5, 6, SEEDS[1])})
    values = [lie.values_at(point) for point in range(1, 9)]
    commitments = [each.commitment for each in values]
    challenge = challenge_of(b"label", commitments)
    proof = proof_of(SharedSecrets(b"label", **polynomials).proof(commitments))

    fitting = [
        each.fits(evidence_for(each.point, challenge, proof, commitment))
        for each, commitment in zip(values, commitments, strict=True)
    ]

    assert not any(fitting)


@pytest.mark.parametrize("kind", ["key", "own"])
def test_a_revealed_share_is_compared_with_its_commitment(kind):
    """Another share, another holder, and the other secret's share do not open it."""
    _, values, commitments, _ = dealt()
    mine = values[2]
    share = getattr(mine, kind)
    other = mine.own if kind == "key" else mine.key

    def opens(point, revealed, share=share):
        return is_opened(b"label", point, revealed, share, mine.opening(kind), commitments[2])

    assert opens(3, kind)
    assert not opens(3, kind, share + 1)
    assert not opens(3, kind, other)
    assert not opens(2, kind)
    assert not opens(3, "own" if kind == "key" else "key")


def test_the_other_secret_stays_hidden_behind_an_opening():
    """An opening has hashes of the other values, and none of the values themselves."""
    _, values, _, _ = dealt()

    opening = values[0].opening("own")

    assert share_bytes(values[0].key) not in opening
    assert len(opening) == 64


def test_values_of_another_size_are_refused():
    """Whatever a dealer seals, its holder says that it is wrong."""
    _, values, _, _ = dealt()

    with pytest.raises(InvalidInput, match="another size"):
        Values.read(b"label", 1, values[0].content[:-1])
    assert not values[0].fits(bytes(EVIDENCE_BYTES - 1))
    assert not values[0].fits(bytes(EVIDENCE_BYTES))

"""The terms of secure aggregation: their text, their sizes and their limits."""

import json

import pytest
from secure_world import pet_terms, secagg_terms

from fednet.errors import InvalidInput
from fednet.secure.terms import SecureTerms, least_quorum, usual_neighbours


@pytest.mark.parametrize("terms", [pet_terms(), secagg_terms()])
def test_terms_come_back_from_their_text(terms):
    """The text is the same each time, so that signatures over it hold."""
    assert SecureTerms.from_text(terms.text) == terms
    assert SecureTerms.from_text(terms.text).text == terms.text


@pytest.mark.parametrize(
    ("clients", "clip", "ring_bits", "bits"),
    [
        (128, 8.0, 32, 21),
        (1024, 1.0, 32, 21),
        (100, 8.0, 32, 21),
        (100_000, 128.0, 64, 39),
        (10, 1e-4, 32, 40),
    ],
)
def test_the_fraction_takes_the_room_that_the_sum_leaves(clients, clip, ring_bits, bits):
    """N clipped numbers at their largest just fit into the ring with its sign."""
    terms = pet_terms(clients, clip=clip, ring_bits=ring_bits, examples_max=10)

    assert terms.fraction_bits == bits
    assert clients * clip * 2**bits <= 2 ** (ring_bits - 1) < clients * clip * 2 ** (bits + 1)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("protocol", {"protocol": "xaynet"}),
        ("clients", {"clients": 2}),
        ("clients", {"clients": True}),
        ("clients", {"clients": 5.0}),
        ("min_clients", {"min_clients": 2}),
        ("min_clients", {"min_clients": 6}),
        ("ring_bits", {"ring_bits": 48}),
        ("clip", {"clip": 0}),
        ("clip", {"clip": float("nan")}),
        ("clip", {"clip": "8"}),
        ("clip", {"clip": 1e9}),
        ("examples_max", {"examples_max": 0}),
        ("examples_max", {"examples_max": 2**30}),
        ("cipher", {"cipher": "rot13"}),
        ("sum_participants", {"sum_participants": 0}),
        ("threshold", {"threshold": 4}),
        ("threshold", {"sum_participants": 12, "threshold": 6, "quorum": 12}),
        ("quorum", {"quorum": 1}),
        ("quorum", {"sum_participants": 4, "quorum": 2}),
        ("quorum", {"quorum": 4}),
        ("neighbours", {"neighbours": 2}),
        ("norm_clip", {"norm_clip": -1.0}),
        ("noise_deviation", {"noise_deviation": float("inf")}),
    ],
)
def test_terms_that_cannot_work_are_refused(field, changes):
    """The error names the field."""
    with pytest.raises(InvalidInput, match=field) as refusal:
        pet_terms(**changes)

    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("sum_participants", {"sum_participants": 1}),
        ("threshold", {"threshold": 3, "quorum": 3}),
        ("threshold", {"threshold": 7, "quorum": 7}),
        ("quorum", {"quorum": 5}),
        ("neighbours", {"neighbours": 6}),
        ("neighbours", {"neighbours": 3}),
        ("neighbours", {"neighbours": 1}),
    ],
)
def test_thresholds_below_half_of_the_holders_are_refused(field, changes):
    """Otherwise two halves of the holders could reveal different secrets of one client."""
    with pytest.raises(InvalidInput) as refusal:
        secagg_terms(6, **changes)

    assert refusal.value.field == field


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", "[" * 2000, json.dumps({"protocol": "pet"}), pet_terms().text[:-1]],
)
def test_other_texts_are_no_terms(text):
    """A client that gets them sends nothing."""
    with pytest.raises(InvalidInput, match="terms of secure aggregation"):
        SecureTerms.from_text(text)


def test_fields_of_a_later_version_are_refused():
    """A client does not take part under terms of which it knows only a part."""
    values = json.loads(pet_terms().text)

    with pytest.raises(InvalidInput) as refusal:
        SecureTerms.from_text(json.dumps({**values, "lattice": 1}))
    assert refusal.value.field == "secure"


@pytest.mark.parametrize(
    ("k", "t", "quorum"), [(1, 1, 1), (3, 2, 3), (4, 2, 3), (7, 3, 5), (5, 3, 4), (3, 3, 3)]
)
def test_two_quorums_have_an_honest_sum_participant_in_common(k, t, quorum):
    """The least sound quorum leaves t - 1 dishonest ones no room for two sets of survivors."""
    assert least_quorum(k, t) == quorum
    assert 2 * quorum - k > t - 1 >= 2 * (quorum - 1) - k


def test_the_graph_of_masks_is_complete_for_few_clients():
    """Above 64 clients each one has 32 neighbours."""
    assert [usual_neighbours(clients) for clients in (3, 64, 65, 1000)] == [2, 63, 32, 32]

"""The saved state of a participant."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from small_coordinator import identities, parameters

from fednet.client.participant import ParticipantInit, ParticipantRestore
from fednet.client.participant.state import State
from fednet.client.participant.values import Phase, Standing
from fednet.client.participant.weights import copied
from fednet.xaynet import SealingKey

(ME,) = identities(1)
KEY = SealingKey(bytes(range(32)))
PARAMETERS = parameters(bytes(32))
MODEL = np.array([0.5, -1.0], np.float32)
STANDINGS = [
    Standing(),
    Standing(Phase.SUM, PARAMETERS, KEY, None, b"message"),
    Standing(Phase.SUM2, PARAMETERS, KEY),
    Standing(Phase.UPDATE, PARAMETERS, model=MODEL),
    Standing(Phase.DONE, PARAMETERS, model=np.array([1, 2**62])),
]


def without_model(state):
    return replace(state, standing=replace(state.standing, model=None))


@pytest.mark.parametrize("standing", STANDINGS, ids=lambda each: each.phase.name)
def test_a_state_comes_back_whole(standing):
    """Over JSON, as a list of integers."""
    state = State(ME, 0.25, standing)
    listed = state.to_list()

    assert all(type(number) is int and 0 <= number < 256 for number in listed)
    restored = State.from_list(json.loads(json.dumps(listed)))
    assert without_model(restored) == without_model(state)
    assert repr(restored.standing.model) == repr(standing.model)


@given(
    arrays.arrays(
        st.one_of(
            arrays.integer_dtypes(), arrays.unsigned_integer_dtypes(), arrays.floating_dtypes()
        ),
        st.integers(0, 5),
    )
)
def test_a_model_of_any_dtype_comes_back(values):
    """Bit for bit; NaN is refused later, by the round."""
    standing = Standing(Phase.UPDATE, PARAMETERS, model=copied(values))

    restored = State.from_list(State(ME, 1.0, standing).to_list()).standing.model

    assert restored.dtype.itemsize == min(values.dtype.itemsize, 8)
    assert np.array_equal(restored, values, equal_nan=values.dtype.kind == "f")


@pytest.mark.parametrize("standing", STANDINGS, ids=lambda each: each.phase.name)
def test_every_damaged_byte_is_found(standing):
    """And every cut, and every byte too much."""
    listed = State(ME, 1.0, standing).to_list()
    damaged = [
        [*listed[:place], listed[place] ^ 1, *listed[place + 1 :]] for place in range(len(listed))
    ]
    cut = [listed[:length] for length in range(len(listed))]

    for state in [*damaged, *cut, [*listed, 0]]:
        with pytest.raises(ParticipantRestore):
            State.from_list(state)


@pytest.mark.parametrize(
    "state",
    [[], [256], [-1], ["a"], [1.5], None, 7, "text", [70, 78, 80, 83], list(range(100))],
    ids=str,
)
def test_something_else_is_no_state(state):
    """Whatever it is."""
    with pytest.raises(ParticipantRestore):
        State.from_list(state)


@pytest.mark.parametrize(
    "standing",
    [
        Standing(Phase.SUM2, PARAMETERS),
        Standing(Phase.UPDATE),
        Standing(Phase.NONE, PARAMETERS),
        Standing(Phase.DONE, PARAMETERS, message=b"m"),
    ],
    ids=["no key", "no round", "no phase", "late message"],
)
def test_parts_that_do_not_fit_one_another_are_refused(standing):
    """Though the checksum holds."""
    with pytest.raises(ParticipantRestore, match="damaged"):
        State.from_list(State(ME, 1.0, standing).to_list())


def test_a_later_version_is_named():
    """The reader learns which one it is."""
    listed = State(ME, 1.0, Standing()).to_list()
    listed[4] = 2

    with pytest.raises(ParticipantRestore, match="version 2"):
        State.from_list(listed)


@pytest.mark.parametrize("scalar", [-0.5, float("nan"), float("inf"), None, "1,5"])
def test_a_new_participant_needs_a_scalar_of_at_least_0(scalar):
    """The mean of models has no negative weights."""
    with pytest.raises(ParticipantInit):
        State.new(scalar)


def test_new_participants_have_identities_of_their_own():
    """By the operating system's random numbers."""
    assert State.new(1.0).identity != State.new(1.0).identity

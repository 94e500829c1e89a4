"""Opening of messages: each reason for which one is refused."""

import numpy as np
import pytest
from xaynet_participants import Participant, crowd
from xaynet_table import config_of

from fednet.controller.facades.xaynet.intake import OpenRound, open_message
from fednet.controller.facades.xaynet.machine.values import (
    MaskEntry,
    PetPhase,
    SumEntry,
    UpdateEntry,
)
from fednet.errors import InvalidInput
from fednet.xaynet import (
    RoundParameters,
    SealingKey,
    SignedMessage,
    SumPayload,
    Tag,
    seal,
    seed_dictionary_to_bytes,
    sum_dictionary_to_bytes,
)

CONFIG = config_of()
KEY = SealingKey.generate()
PARAMETERS = RoundParameters(KEY.public, 0.5, 0.9, b"s" * 32, CONFIG.mask.config(), 3)
SUMS = sum_dictionary_to_bytes({b"p" * 32: SealingKey.generate().public})
SEEDS = seed_dictionary_to_bytes({})
PHASES = {Tag.SUM: PetPhase.SUM, Tag.UPDATE: PetPhase.UPDATE, Tag.SUM2: PetPhase.SUM2}


@pytest.fixture(scope="module")
def chosen():
    """One participant with the sum task, and one with the update task."""
    (summing,), (updating,) = crowd(PARAMETERS, [np.zeros(3, np.float32)], updates=1)
    return summing, updating


def opened(body, tag=Tag.SUM):
    return open_message(body, OpenRound(7, PHASES[tag], KEY, PARAMETERS), lambda _: None)


def body_of(participant, tag, parameters=PARAMETERS):
    makers = {
        Tag.SUM: lambda: participant.sum_message(parameters),
        Tag.UPDATE: lambda: participant.update_message(parameters, SUMS),
        Tag.SUM2: lambda: participant.sum2_message(parameters, SEEDS),
    }
    return makers[tag]()


def test_messages_of_the_chosen_become_events(chosen):
    """With the round for which they were opened."""
    summing, updating = chosen
    messages = {Tag.SUM: summing, Tag.UPDATE: updating, Tag.SUM2: summing}

    found = {tag: opened(body_of(each, tag), tag) for tag, each in messages.items()}

    assert [type(each.event.entry) for each in found.values()] == [
        SumEntry,
        UpdateEntry,
        MaskEntry,
    ]
    assert {each.event.round_number for each in found.values()} == {7}
    assert found[Tag.SUM].numbers is None
    assert found[Tag.UPDATE].numbers.length == found[Tag.SUM2].numbers.length == 3


@pytest.mark.parametrize("tag", Tag)
def test_who_has_another_task_is_refused(chosen, tag):
    """The tickets decide, and everybody can check them."""
    summing, updating = chosen
    other = summing if tag is Tag.UPDATE else updating

    with pytest.raises(InvalidInput, match="task"):
        opened(body_of(other, tag), tag)


@pytest.mark.parametrize("tag", Tag)
def test_a_message_for_another_phase_is_refused(chosen, tag):
    """The reason has the phase."""
    participant = chosen[tag is Tag.UPDATE]
    phase = next(each for each in Tag if each is not tag)

    with pytest.raises(InvalidInput, match=f"for the phase {PHASES[tag]}"):
        opened(body_of(participant, tag), phase)


def test_a_message_for_another_round_is_refused(chosen):
    """The coordinator's key in it is that of the round."""
    older = SealingKey.generate()
    parameters = RoundParameters(older.public, *list(vars(PARAMETERS).values())[1:])
    signed = older.open(body_of(chosen[0], Tag.SUM, parameters))

    with pytest.raises(InvalidInput, match="another round"):
        opened(seal(KEY.public, signed))


def test_the_ticket_of_another_participant_is_refused(chosen):
    """A stranger cannot borrow it."""
    payload = chosen[0].sum_payload(PARAMETERS)

    with pytest.raises(InvalidInput, match="not of this round"):
        opened(Participant(np.zeros(3)).sealed(PARAMETERS, Tag.SUM, payload))


def test_a_sealing_key_for_which_nothing_can_be_sealed_is_refused(chosen):
    """Otherwise no update participant could go on."""
    payload = SumPayload(chosen[0].sum_payload(PARAMETERS).sum_ticket, bytes(32))

    with pytest.raises(InvalidInput, match="sealed"):
        opened(chosen[0].sealed(PARAMETERS, Tag.SUM, payload))


def test_a_message_that_another_has_signed_is_refused(chosen):
    """The signature is that of the participant in the header."""
    message = SignedMessage(chosen[0].key.public, KEY.public, Tag.SUM, False, b"")

    with pytest.raises(InvalidInput, match="signature"):
        opened(seal(KEY.public, message.to_bytes(chosen[1].key)))


def test_a_chunk_waits_for_the_others(chosen):
    """It is no event yet."""
    (body, *_) = chosen[0].in_parts(PARAMETERS, Tag.SUM, chosen[0].sum_payload(PARAMETERS), 1, 50)

    assert opened(body) is None

"""The way of a message from its sealed bytes to an event of the machine, without a lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fednet.digests import Algorithm, digest_of
from fednet.errors import InvalidInput
from fednet.xaynet import (
    MaskConfig,
    MaskObject,
    RoundParameters,
    SealingKey,
    SignedMessage,
    Sum2Payload,
    SumPayload,
    Tag,
    Task,
    UpdatePayload,
    is_eligible,
    is_ticket_of,
    seal,
)

from .machine.values import MaskEntry, PetPhase, Received, SumEntry, UpdateEntry

_PHASES = {Tag.SUM: PetPhase.SUM, Tag.UPDATE: PetPhase.UPDATE, Tag.SUM2: PetPhase.SUM2}

Joined = Callable[[SignedMessage], bytes | None]
"""Keeps the chunk in a message, and returns the whole payload once all chunks are there."""


@dataclass(frozen=True)
class OpenRound:
    """The round for which messages are read.

    Attributes:
        number: Its number.
        phase: The phase under way.
        key: The coordinator's key of this round.
        parameters: The public parameters.
    """

    number: int
    phase: PetPhase
    key: SealingKey
    parameters: RoundParameters


@dataclass(frozen=True)
class Opened:
    """A message that is valid by itself.

    Attributes:
        event: Its event.
        numbers: The masked model or the sum of masks in it, if there is one.
    """

    event: Received
    numbers: MaskObject | None = None


def open_message(body: bytes, round_: OpenRound, joined: Joined) -> Opened | None:
    """Open a message, and check its signature, its form and its tickets.

    Args:
        body: The sealed message.
        round_: The round under way.
        joined: Joins chunks.

    Returns:
        None for a chunk of a payload that is not whole yet.

    Raises:
        InvalidInput: The message is invalid, or for another phase or round.
        LimitExceeded: There is no room for its chunk.
    """
    message = SignedMessage.from_bytes(round_.key.open(body))
    if message.coordinator != round_.parameters.public_key:
        raise InvalidInput("The message is for another coordinator, or for another round.")
    if _PHASES[message.tag] is not round_.phase:
        raise InvalidInput(f"The message is for the phase {_PHASES[message.tag]}.")
    payload = joined(message) if message.is_multipart else message.payload
    return None if payload is None else _READERS[message.tag](message.participant, payload, round_)


def _open_sum(participant: bytes, payload: bytes | memoryview, round_: OpenRound) -> Opened:
    content = SumPayload.from_bytes(payload)
    _check_sum_task(participant, content.sum_ticket, round_.parameters)
    seal(content.sealing_key, b"")  # a key that refuses seeds would stop all update participants
    return Opened(Received(round_.number, SumEntry(participant, content.sealing_key)))


def _open_update(participant: bytes, payload: bytes | memoryview, round_: OpenRound) -> Opened:
    content = UpdatePayload.from_bytes(payload, *_form(round_))
    parameters = round_.parameters
    _check_ticket(participant, parameters.seed, Task.SUM, content.sum_ticket)
    _check_ticket(participant, parameters.seed, Task.UPDATE, content.update_ticket)
    if is_eligible(content.sum_ticket, parameters.sum_probability):
        raise InvalidInput("The participant has the sum task.")
    if not is_eligible(content.update_ticket, parameters.update_probability):
        raise InvalidInput("The participant has no task in this round.")
    return Opened(Received(round_.number, UpdateEntry(participant, content.seeds)), content.model)


def _open_sum2(participant: bytes, payload: bytes | memoryview, round_: OpenRound) -> Opened:
    content = Sum2Payload.from_bytes(payload, *_form(round_))
    _check_sum_task(participant, content.sum_ticket, round_.parameters)
    digest = digest_of(content.mask.to_bytes(), Algorithm.BLAKE3).value
    return Opened(Received(round_.number, MaskEntry(participant, digest)), content.mask)


_READERS = {Tag.SUM: _open_sum, Tag.UPDATE: _open_update, Tag.SUM2: _open_sum2}


def _form(round_: OpenRound) -> tuple[MaskConfig, int]:
    return round_.parameters.config, round_.parameters.model_length


def _check_sum_task(participant: bytes, ticket: bytes, parameters: RoundParameters) -> None:
    _check_ticket(participant, parameters.seed, Task.SUM, ticket)
    if not is_eligible(ticket, parameters.sum_probability):
        raise InvalidInput("The participant has not the sum task.")


def _check_ticket(participant: bytes, seed: bytes, task: Task, ticket: bytes) -> None:
    if not is_ticket_of(participant, seed, task, ticket):
        raise InvalidInput(f"The ticket for the task {task.name.lower()} is not of this round.")

"""Targets that read Xaynet's wire: messages of participants, and documents of coordinators."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fednet.controller.facades.xaynet.intake import OpenRound, open_message
from fednet.controller.facades.xaynet.machine.values import PetPhase
from fednet.errors import InvalidInput
from fednet.xaynet import (
    BoundType,
    DataType,
    GroupType,
    MaskConfig,
    MaskObject,
    ModelType,
    PayloadChunk,
    RoundParameters,
    SealingKey,
    SignatureKey,
    SignedMessage,
    Sum2Payload,
    SumPayload,
    Tag,
    Task,
    UpdatePayload,
    derive_mask,
    mask,
    model_from_bytes,
    model_to_bytes,
    seal,
    seed_dictionary_from_bytes,
    seed_dictionary_to_bytes,
    sum_dictionary_from_bytes,
    sum_dictionary_to_bytes,
    unmask,
)

from .target import Target

KEY = SignatureKey(bytes(range(32)))
NARROW = MaskConfig(GroupType.Prime, DataType.F32, BoundType.B0, ModelType.M3)
WIDE = MaskConfig(GroupType.Power2, DataType.F64, BoundType.B2, ModelType.M6)
CONFIGS = (NARROW, WIDE)
LENGTH = 3
SEALING = SealingKey(bytes(range(32)))
PARAMETERS = RoundParameters(SEALING.public, 1.0, 1.0, b"s" * 32, NARROW, LENGTH)
ROUND = OpenRound(1, PetPhase.SUM, SEALING, PARAMETERS)
PHASES = {Tag.SUM: PetPhase.SUM, Tag.UPDATE: PetPhase.UPDATE, Tag.SUM2: PetPhase.SUM2}
SIGNATURE_BYTES = 64
TICKET = b"t" * SIGNATURE_BYTES


def masked(config: MaskConfig) -> MaskObject:
    dtype = {NARROW: np.float32, WIDE: np.float64}[config]
    return mask(np.array([0.5, -0.25, 0], dtype), 0.5, bytes(32), config)


def feed_message(content: bytes, _folder: Path) -> None:
    """Read a message behind a signature that holds: without it every damage would stop there."""
    SignedMessage.from_bytes(KEY.sign(content) + content)


def message_seeds(_folder: Path) -> list[bytes]:
    messages = [
        SignedMessage(
            KEY.public, b"c" * 32, Tag.SUM, False, SumPayload(TICKET, b"k" * 32).to_bytes()
        ),
        SignedMessage(
            KEY.public, b"c" * 32, Tag.UPDATE, True, PayloadChunk(1, 2, True, b"x").to_bytes()
        ),
    ]
    return [message.to_bytes(KEY)[SIGNATURE_BYTES:] for message in messages]


def feed_payload(content: bytes, _folder: Path) -> None:
    """Read a payload as that of each phase; the first byte chooses, since each refuses another size."""
    kind, payload = content[:1], content[1:]
    if kind == b"s":
        SumPayload.from_bytes(payload)
    elif kind == b"c":
        PayloadChunk.from_bytes(payload)
    else:
        config = CONFIGS[kind in {b"U", b"M"}]
        reader = UpdatePayload if kind in {b"u", b"U"} else Sum2Payload
        reader.from_bytes(payload, config, LENGTH)


def payload_seeds(_folder: Path) -> list[bytes]:
    seeds = {b"p" * 32: b"1" * 80, b"q" * 32: b"2" * 80}
    updates = [UpdatePayload(TICKET, TICKET, masked(config), seeds) for config in CONFIGS]
    masks = [Sum2Payload(TICKET, masked(config)) for config in CONFIGS]
    return [
        b"s" + SumPayload(TICKET, b"k" * 32).to_bytes(),
        b"c" + PayloadChunk(1, 2, False, b"part").to_bytes(),
        *(kind + update.to_bytes() for kind, update in zip((b"u", b"U"), updates, strict=True)),
        *(kind + each.to_bytes() for kind, each in zip((b"m", b"M"), masks, strict=True)),
    ]


def feed_document(content: bytes, _folder: Path) -> None:
    """Read a document of the kind that its first byte chooses."""
    kind, document = content[:1], content[1:]
    if kind == b"p":
        RoundParameters.from_bytes(document)
    elif kind == b"s":
        sum_dictionary_from_bytes(document)
    elif kind == b"d":
        seed_dictionary_from_bytes(document)
    else:
        model_from_bytes(document, CONFIGS[kind == b"M"], LENGTH)


def document_seeds(_folder: Path) -> list[bytes]:
    models = [
        unmask(masked(config), derive_mask(bytes(32), config, LENGTH), 1) for config in CONFIGS
    ]
    return [
        b"p" + RoundParameters(b"k" * 32, 0.5, 0.9, b"s" * 32, WIDE, LENGTH).to_bytes(),
        b"s" + sum_dictionary_to_bytes({b"p" * 32: b"k" * 32, b"q" * 32: b"l" * 32}),
        b"d" + seed_dictionary_to_bytes({b"p" * 32: b"s" * 80}),
        *(
            kind + b"".join(model_to_bytes(model))
            for kind, model in zip((b"m", b"M"), models, strict=True)
        ),
    ]


def feed_coordinator(content: bytes, _folder: Path) -> None:
    """Open a message as a coordinator does; its phase is that of the message."""
    signed = KEY.public + ROUND.parameters.public_key + content
    tag = content[4:5]
    phases = {bytes([tag.value]): phase for tag, phase in PHASES.items()}
    round_ = replace(ROUND, phase=phases.get(tag, PetPhase.SUM))
    body = seal(ROUND.parameters.public_key, KEY.sign(signed) + signed)
    open_message(body, round_, lambda message: bytes(message.payload))


def coordinator_seeds(_folder: Path) -> list[bytes]:
    """Messages without their keys, of a participant that has all tasks."""
    ticket = KEY.ticket(ROUND.parameters.seed, Task.SUM)
    payloads = {
        Tag.SUM: SumPayload(ticket, b"k" * 32),
        Tag.SUM2: Sum2Payload(ticket, masked(NARROW)),
    }
    coordinator = ROUND.parameters.public_key
    messages = [
        SignedMessage(KEY.public, coordinator, tag, False, payload.to_bytes())
        for tag, payload in payloads.items()
    ]
    return [message.to_bytes(KEY)[SIGNATURE_BYTES + 64 :] for message in messages]


TARGETS = [
    Target("xaynet-coordinator", feed_coordinator, coordinator_seeds, (InvalidInput,)),
    Target("xaynet-message", feed_message, message_seeds, (InvalidInput,)),
    Target("xaynet-payload", feed_payload, payload_seeds, (InvalidInput,)),
    Target("xaynet-document", feed_document, document_seeds, (InvalidInput,)),
]

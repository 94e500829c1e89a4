"""Xaynet's wire: masks, documents and messages of its PET protocol, version 1.0, to write and to read.

Everything here is bit for bit that of Xaynet (https://github.com/xaynetwork/xaynet), so that its unmodified
participants and coordinators understand it. It does no I/O. `docs/xaynet.md` says what the protocol protects, and what
not.

A round has three messages: a sum participant sends a `SumPayload` and later a `Sum2Payload`, an update participant an
`UpdatePayload`. Each travels in a signed `SignedMessage`, sealed for the coordinator by `seal`.
"""

from fednet.xaynet._derivation import SEED_BYTES, derive_mask
from fednet.xaynet._documents import (
    SEALED_SEED_BYTES,
    RoundParameters,
    seed_dictionary_from_bytes,
    seed_dictionary_to_bytes,
    sum_dictionary_from_bytes,
    sum_dictionary_to_bytes,
)
from fednet.xaynet._encoding import DTYPES, encode
from fednet.xaynet._keys import (
    KEY_BYTES,
    SEAL_BYTES,
    SIGNATURE_BYTES,
    SealingKey,
    SignatureKey,
    Task,
    is_eligible,
    is_ticket_of,
    seal,
)
from fednet.xaynet._mask_config import BoundType, DataType, GroupType, MaskConfig, ModelType
from fednet.xaynet._mask_object import MaskObject, object_bytes
from fednet.xaynet._masking import ExactModel, mask, unmask
from fednet.xaynet._messages import HEADER_BYTES, PAYLOAD_BYTES_MAX, SignedMessage, Tag
from fednet.xaynet._model_documents import model_from_bytes, model_to_bytes
from fednet.xaynet._payloads import (
    PayloadChunk,
    Sum2Payload,
    SumPayload,
    UpdatePayload,
    chunks_of,
    largest_payload_bytes,
)
from fednet.xaynet._round_seed import FIRST_SEED, next_round_seed

__all__ = [
    "DTYPES",
    "FIRST_SEED",
    "HEADER_BYTES",
    "KEY_BYTES",
    "PAYLOAD_BYTES_MAX",
    "SEALED_SEED_BYTES",
    "SEAL_BYTES",
    "SEED_BYTES",
    "SIGNATURE_BYTES",
    "BoundType",
    "DataType",
    "ExactModel",
    "GroupType",
    "MaskConfig",
    "MaskObject",
    "ModelType",
    "PayloadChunk",
    "RoundParameters",
    "SealingKey",
    "SignatureKey",
    "SignedMessage",
    "Sum2Payload",
    "SumPayload",
    "Tag",
    "Task",
    "UpdatePayload",
    "chunks_of",
    "derive_mask",
    "encode",
    "is_eligible",
    "is_ticket_of",
    "largest_payload_bytes",
    "mask",
    "model_from_bytes",
    "model_to_bytes",
    "next_round_seed",
    "object_bytes",
    "seal",
    "seed_dictionary_from_bytes",
    "seed_dictionary_to_bytes",
    "sum_dictionary_from_bytes",
    "sum_dictionary_to_bytes",
    "unmask",
]

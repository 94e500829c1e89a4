"""The stored state of the coordinator: one document for its place, one for each accepted message, blobs for numbers.

An accepted message counts once the number in the coordinator's document has reached its own. That document is changed
by compare-and-set, and its term rises with each taking, also by the same process after a fault. So a coordinator that
another one has replaced changes nothing any more, and what it leaves behind counts for nobody.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from fednet.errors import AlreadyExists, Conflict, FednetError, InvalidInput, NotFound
from fednet.storage import Blobs, Document, Documents
from fednet.xaynet import KEY_BYTES, SEALED_SEED_BYTES, MaskConfig, MaskObject

from .machine.machine import BEFORE_ALL
from .machine.values import Entry, MaskEntry, PetPhase, RoundPlace, SumEntry, UpdateEntry

COLLECTION: Final = "xaynet"
_STATE: Final = "coordinator"
_ROUNDS: Final = "xaynet/rounds"
_MODELS: Final = "xaynet/models"
_ENTRY_BYTES: Final = KEY_BYTES + SEALED_SEED_BYTES


@dataclass(frozen=True)
class StoredRound:
    """The state as it was stored last.

    Attributes:
        place: The place in the rounds.
        entries: The accepted messages of this round, in their order.
        total: The sum of the masked models of this round.
    """

    place: RoundPlace
    entries: Sequence[Entry]
    total: MaskObject


class Archive:
    """The stored state of the coordinator.

    Args:
        documents: The state store.
        blobs: The blob store.
        config: The mask configuration.
        length: The number of weights. If stored state has another form, it is given up.
    """

    def __init__(self, documents: Documents, blobs: Blobs, config: MaskConfig, length: int) -> None:
        self._documents = documents
        self._blobs = blobs
        self._config = config
        self._length = length
        self._state: Document = {}

    def owner(self) -> Mapping[str, Any] | None:
        """Return the owner of the state; None if there is no state yet."""
        found = self._documents.get(COLLECTION, _STATE)
        return found["owner"] if found else None

    def is_ours(self) -> bool:
        """Return True if nobody has taken the state since."""
        found = self._documents.get(COLLECTION, _STATE)
        return bool(found and found["term"] == self._state["term"])

    def take(self, owner: Mapping[str, Any]) -> StoredRound:
        """Take the state for an owner, and return it.

        Raises:
            Conflict: Another one was quicker.
        """
        found = self._documents.get(COLLECTION, _STATE) or self._inserted(owner)
        changes: Document = {"owner": owner, "term": found["term"] + 1}
        if found["form"] != self._form:
            changes |= self._restarted(found, model_round=0) | {"form": self._form}
        self._state = self._update(found, changes)
        total = self._total() or self._given_up()
        return StoredRound(_place_of(self._state), self._entries(), total)

    def _given_up(self) -> MaskObject:
        """Give up a round whose sum is lost, and return the empty sum."""
        changes = self._restarted(self._state, self._state["model_round"])
        self._state = self._update(self._state, changes)
        return MaskObject.zero(self._config, self._length)

    def commit(
        self, entry: Entry | None, place: RoundPlace | None, total: MaskObject | None
    ) -> None:
        """Store an accepted message, or the next place in the rounds.

        Args:
            entry: The message.
            place: The next place.
            total: The sum of the masked models, with that of the message; None if it stays.

        Raises:
            Conflict: Another one has taken the state.
        """
        changes: Document = {}
        if place is not None:
            is_next = place.round_number != self._state["round_number"]
            changes |= self._fields(place) | (_NOTHING if is_next else {})
        if entry is not None:
            changes |= self._kept(entry, total)
        outdated = self._state["total"]
        self._state = self._update(self._state, changes)
        if outdated and outdated != self._state["total"]:
            self._blobs.delete(outdated)

    def put_mask(self, digest: str, mask: MaskObject) -> None:
        """Keep a sum of masks; the same one again changes nothing."""
        self._blobs.put(self._mask_key(digest), [mask.to_bytes()])

    def mask(self, digest: str) -> MaskObject:
        """Return a sum of masks."""
        return self._object(self._mask_key(digest))

    def put_model(self, round_number: int, document: Iterable[bytes]) -> None:
        """Keep the model of a round."""
        self._blobs.put(_model_key(round_number), document)

    def model(self, round_number: int) -> Iterator[bytes]:
        """Yield the model of a round in pieces.

        Raises:
            NotFound: A later model has taken its place.
        """
        return self._blobs.read(_model_key(round_number))

    @property
    def parts_folder(self) -> str:
        """The key before all chunks of this round."""
        return f"{self._folder}/parts"

    def clean(self) -> None:
        """Delete what belongs to no round or model of now; what cannot be deleted is left for the next time."""
        with suppress(FednetError):
            current = (f"{self._folder}/", _model_key(self._state["model_round"]))
            for key in [*self._blobs.list(f"{_ROUNDS}/"), *self._blobs.list(f"{_MODELS}/")]:
                if not key.startswith(current[0]) and key != current[1]:
                    self._blobs.delete(key)
            for document in list(self._documents.scan(COLLECTION)):
                if document["id"] != _STATE and not self._is_current(document):
                    self._documents.delete(COLLECTION, document["id"])

    # The document of the state

    @property
    def _form(self) -> str:
        return f"{self._config.to_bytes().hex()}-{self._length}"

    @property
    def _folder(self) -> str:
        return f"{_ROUNDS}/{self._state['round_number']}"

    def _inserted(self, owner: Mapping[str, Any]) -> Document:
        first = {"id": _STATE, "owner": owner, "term": 0, "form": self._form}
        try:
            return self._documents.insert(
                COLLECTION, {**first, **self._fields(BEFORE_ALL), **_NOTHING}
            )
        except AlreadyExists:
            raise Conflict("Another controller coordinates.") from None

    def _update(self, state: Document, changes: Mapping[str, Any]) -> Document:
        return self._documents.update(
            COLLECTION, _STATE, changes, expected_version=state["version"], known=state
        )

    @staticmethod
    def _fields(place: RoundPlace) -> Document:
        return {
            "phase": str(place.phase),
            "round_number": place.round_number,
            "seed": place.seed.hex(),
            "secret": place.secret.hex(),
            "model_round": place.model_round,
            "reason": place.reason,
        }

    def _restarted(self, state: Document, model_round: int) -> Document:
        """Return the fields of the place before the next round."""
        seed = bytes.fromhex(state["seed"])
        place = RoundPlace(PetPhase.IDLE, state["round_number"], seed, b"", model_round)
        return self._fields(place) | _NOTHING

    # Accepted messages

    def _kept(self, entry: Entry, total: MaskObject | None) -> Document:
        """Keep a message that does not count yet; return the change of the state with which it counts."""
        term, number = self._state["term"], self._state["accepted"] + 1
        position = {"round_number": self._state["round_number"], "term": term, "number": number}
        changes: Document = {"accepted": number}
        if total is not None:
            changes["total"] = f"{self._folder}/total-{term}-{number}"
            self._blobs.put(changes["total"], [total.to_bytes()])
        id_ = "-".join(str(each) for each in position.values())
        self._documents.insert(COLLECTION, {"id": id_, **position, **_document_of(entry)})
        return changes

    def _entries(self) -> list[Entry]:
        """Return the messages that count: for each number, that of the latest term."""
        counted: dict[int, Document] = {}
        for document in self._documents.scan(COLLECTION):
            if document["id"] != _STATE and self._is_current(document):
                counted[document["number"]] = max(
                    counted.get(document["number"], document), document, key=_term
                )
        return [_entry_of(counted[number]) for number in sorted(counted)]

    def _is_current(self, document: Document) -> bool:
        is_of_round = document["round_number"] == self._state["round_number"]
        return bool(is_of_round and document["number"] <= self._state["accepted"])

    # Numbers

    def _total(self) -> MaskObject | None:
        """Return the sum of the masked models; None if it is lost."""
        if (key := self._state["total"]) is None:
            return MaskObject.zero(self._config, self._length)
        try:
            return self._object(key)
        except (InvalidInput, NotFound):
            return None

    def _object(self, key: str) -> MaskObject:
        return MaskObject.from_bytes(b"".join(self._blobs.read(key)), self._config, self._length)

    def _mask_key(self, digest: str) -> str:
        return f"{self._folder}/mask-{digest}"


_NOTHING: Final = {"accepted": 0, "total": None}


def _term(document: Document) -> int:
    return int(document["term"])


def _model_key(round_number: int) -> str:
    return f"{_MODELS}/{round_number}"


def _place_of(state: Document) -> RoundPlace:
    return RoundPlace(
        PetPhase(state["phase"]),
        state["round_number"],
        bytes.fromhex(state["seed"]),
        bytes.fromhex(state["secret"]),
        state["model_round"],
        state["reason"],
    )


def _document_of(entry: Entry) -> Document:
    participant = {"participant": entry.participant.hex()}
    match entry:
        case SumEntry():
            return {**participant, "kind": "sum", "sealing_key": entry.sealing_key.hex()}
        case UpdateEntry():
            seeds = b"".join(key + seed for key, seed in entry.seeds.items())
            return {**participant, "kind": "update", "seeds": b64encode(seeds).decode()}
        case MaskEntry():
            return {**participant, "kind": "mask", "mask": entry.mask}


def _entry_of(document: Document) -> Entry:
    participant = bytes.fromhex(document["participant"])
    match document["kind"]:
        case "sum":
            return SumEntry(participant, bytes.fromhex(document["sealing_key"]))
        case "update":
            return UpdateEntry(participant, _seeds_of(b64decode(document["seeds"])))
        case _:
            return MaskEntry(participant, document["mask"])


def _seeds_of(data: bytes) -> dict[bytes, bytes]:
    entries = [data[start : start + _ENTRY_BYTES] for start in range(0, len(data), _ENTRY_BYTES)]
    return {entry[:KEY_BYTES]: entry[KEY_BYTES:] for entry in entries}

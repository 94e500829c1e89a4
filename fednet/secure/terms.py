"""The terms of secure aggregation: they travel with each message of a round, and every signature is bound to them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, NoReturn, Self, get_args

from fednet import limits
from fednet.errors import InvalidInput

SecureProtocolName = Literal["pet", "secagg+"]
MaskCipher = Literal["chacha20", "aes-ctr"]
PET: Final = "pet"
SECAGG: Final = "secagg+"


@dataclass(frozen=True)
class SecureTerms:
    """The agreement of all parties of a secure round.

    Attributes:
        protocol: The protocol of the masks.
        clients: The largest number N of updates in the sum.
        min_clients: The smallest number of updates that a client lets into one sum; at least 3.
        ring_bits: The size of a masked number: the ring is that of the integers modulo 2 to this power.
        clip: The largest absolute value of a number of a difference, in the units of the parameters.
        examples_max: The largest number of examples that one update may weigh.
        cipher: The stream cipher that expands a key into a mask.
        sum_participants: The number k of sum participants of `pet`; 0 for `secagg+`.
        threshold: The number t of holders that can remove masks: sum participants, or in `secagg+` a client and
            its neighbours. Fewer than t learn nothing.
        quorum: The number of signatures of one set of survivors without which nobody reveals anything: for `pet` more
            than half of the sum participants, see `least_quorum`; for `secagg+` the threshold.
        neighbours: The number of others with whom each client of `secagg+` shares masks; 0 for `pet`.
        norm_clip: The largest L2 norm of a difference; 0 for none.
        noise_deviation: The standard deviation of the noise that each client adds; 0 for none.

    Raises:
        InvalidInput: A value is out of its range, or values do not fit each other; the error names the field.
    """

    protocol: SecureProtocolName
    clients: int
    min_clients: int
    ring_bits: Literal[32, 64]
    clip: float
    examples_max: int
    cipher: MaskCipher
    sum_participants: int
    threshold: int
    quorum: int
    neighbours: int
    norm_clip: float = 0.0
    noise_deviation: float = 0.0

    def __post_init__(self) -> None:
        self._check_numbers()
        self._check_ring()
        if self.protocol == PET:
            self._check_sum_participants()
        else:
            self._check_neighbours()

    @property
    def fraction_bits(self) -> int:
        """The number of bits behind the point: the sum of N clipped differences just fits into the ring."""
        return self.ring_bits - 1 - math.ceil(math.log2(self.clip * self.clients))

    @property
    def text(self) -> str:
        """The terms as canonical JSON: the same text for equal terms."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the terms.

        Raises:
            InvalidInput: They are no terms; the error names the field, or `secure` for the whole text.
        """
        if len(text) > limits.secure_terms_characters_max:
            _refuse("secure", f"use at most {limits.secure_terms_characters_max} characters")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            _refuse("secure", "the text is no JSON")
        if not isinstance(values, dict) or not _required() <= values.keys() <= _all():
            _refuse("secure", f"use a JSON object with the fields {', '.join(sorted(_all()))}")
        return cls(**values)

    def _check_numbers(self) -> None:
        _one_of("protocol", self.protocol, get_args(SecureProtocolName))
        _one_of("cipher", self.cipher, get_args(MaskCipher))
        _one_of("ring_bits", self.ring_bits, (32, 64))
        _integer("clients", self.clients, limits.secure_clients_min, limits.session_clients_max)
        _integer("min_clients", self.min_clients, limits.secure_clients_min, self.clients)
        _integer("examples_max", self.examples_max, 1, limits.update_examples_max)
        _real("clip", self.clip, limits.privacy_clip_units_min, limits.privacy_clip_units_max)
        _real("norm_clip", self.norm_clip, 0.0, limits.privacy_clip_units_max)
        most = limits.privacy_clip_units_max * limits.privacy_noise_multiples_max
        _real("noise_deviation", self.noise_deviation, 0.0, most)

    def _check_ring(self) -> None:
        if self.fraction_bits < 1:
            _refuse(
                "clip",
                f"{self.clip} for {self.clients} clients leaves no fraction bit in {self.ring_bits} bits: "
                "use a smaller clip or a ring of 64 bits",
            )
        if self.examples_max * self.clients >= 2**self.ring_bits:
            _refuse(
                "examples_max",
                f"{self.examples_max} examples of each of {self.clients} clients do not fit into "
                f"{self.ring_bits} bits: use fewer or a ring of 64 bits",
            )

    def _check_sum_participants(self) -> None:
        _integer("sum_participants", self.sum_participants, 1, limits.secure_sum_participants_max)
        _integer("threshold", self.threshold, 1, self.sum_participants)
        _integer("quorum", self.quorum, 1, self.sum_participants)
        _integer("neighbours", self.neighbours, 0, 0)
        subsets = math.comb(self.sum_participants, self.threshold - 1)
        if subsets > limits.secure_subsets_max:
            _refuse(
                "threshold",
                f"{self.threshold} of {self.sum_participants} sum participants need {subsets} seeds of each "
                f"client, and at most {limits.secure_subsets_max} are allowed",
            )
        if 2 * self.quorum <= self.sum_participants:
            _refuse(
                "quorum",
                f"use more than half of {self.sum_participants}, so that no two sets of survivors can have one each",
            )

    def _check_neighbours(self) -> None:
        _integer("sum_participants", self.sum_participants, 0, 0)
        most = min(self.clients - 1, limits.secure_neighbours_max)
        _integer("neighbours", self.neighbours, limits.secure_clients_min - 1, most)
        if self.neighbours % 2 and self.neighbours != self.clients - 1:
            _refuse("neighbours", f"use an even number, or {self.clients - 1} for all others")
        holders = self.neighbours + 1
        _integer("threshold", self.threshold, holders // 2 + 1, holders)
        _integer("quorum", self.quorum, self.threshold, self.threshold)


def least_quorum(sum_participants: int, threshold: int) -> int:
    """Return the smallest quorum of `pet` that stands against a lying controller and `threshold` - 1 sum participants.

    Any two quorums have `threshold` members in common then, so an honest one. A smaller quorum of more than half stands
    against a lying controller alone, or against `threshold` - 1 sum participants and a controller that only watches.
    """
    return (sum_participants + threshold + 1) // 2


def usual_neighbours(clients: int) -> int:
    """Return the degree of the graph of masks: complete for few clients, regular for many.

    Bell, Bonawitz, Gascón, Lepoint and Raykova, "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead",
    CCS 2020, eprint 2020/704.
    """
    is_complete = clients <= limits.secure_complete_clients_max
    return clients - 1 if is_complete else limits.secure_neighbours


def _all() -> set[str]:
    return {field.name for field in fields(SecureTerms)}


def _required() -> set[str]:
    return _all() - {"norm_clip", "noise_deviation"}


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if isinstance(value, bool) or value not in allowed:
        _refuse(name, f"use one of {', '.join(map(str, allowed))}")


def _integer(name: str, value: Any, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        _refuse(name, f"use an integer from {least} to {most}")


def _real(name: str, value: Any, least: float, most: float) -> None:
    if type(value) not in (int, float) or not least <= value <= most:
        _refuse(name, f"use a number from {least} to {most}")


def _refuse(name: str, problem: str) -> NoReturn:
    raise InvalidInput(f"Invalid terms of secure aggregation, {name}: {problem}.", field=name)

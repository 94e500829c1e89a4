"""Mask configurations: the group, the type, the bound and the number of models that one aggregation allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self, TypeVar

from fednet.errors import InvalidInput
from fednet.xaynet import _orders

if TYPE_CHECKING:
    from collections.abc import Sequence

CONFIG_BYTES: Final = 4


class GroupType(Enum):
    """The rule that makes the order of the group; the value is its byte in messages."""

    Integer = 0
    Prime = 1
    Power2 = 2


class DataType(Enum):
    """The type of the weights of a model."""

    F32 = 0
    F64 = 1
    I32 = 2
    I64 = 3


class BoundType(Enum):
    """The largest absolute value of a scaled weight: a power of ten, or the largest of the type."""

    B0 = 0
    B2 = 2
    B4 = 4
    B6 = 6
    Bmax = 255


class ModelType(Enum):
    """The largest number of aggregated models, as a power of ten."""

    M3 = 3
    M6 = 6
    M9 = 9
    M12 = 12


_Member = TypeVar("_Member", bound=Enum)


@dataclass(frozen=True)
class MaskConfig:
    """The configuration of one masked number: its group, and the fixed-point form of weights in it.

    A weight w becomes floor((w + bound) * scale) modulo the order.
    """

    group_type: GroupType
    data_type: DataType
    bound_type: BoundType
    model_type: ModelType

    @cached_property
    def bound(self) -> int:
        """The largest absolute value of a scaled weight; Xaynet's `add_shift`."""
        if self.bound_type is BoundType.Bmax:
            return _orders.LARGEST[self.data_type.name]
        return int(10**self.bound_type.value)

    @cached_property
    def scale(self) -> int:
        """The number of steps of a unit; Xaynet's `exp_shift`."""
        return int(10 ** _orders.scale_digits(self.data_type.name, self._is_unbounded))

    @cached_property
    def models_max(self) -> int:
        """The number of models that fit in one aggregation."""
        return int(10**self.model_type.value)

    @cached_property
    def order(self) -> int:
        """The order of the group."""
        data, models = self.data_type.name, self.model_type.value
        smallest = _orders.smallest_order(data, self._bound_digits, models)
        if self.group_type is GroupType.Integer:
            return smallest
        if self.group_type is GroupType.Power2:
            return 1 << (smallest - 1).bit_length()
        return _orders.prime_order(data, self._bound_digits, models)

    @property
    def element_bytes(self) -> int:
        """The number of bytes of an element in messages."""
        return ((self.order - 1).bit_length() + 7) // 8

    @property
    def _is_unbounded(self) -> bool:
        return self.bound_type is BoundType.Bmax

    @property
    def _bound_digits(self) -> int | None:
        return None if self._is_unbounded else int(self.bound_type.value)

    def to_bytes(self) -> bytes:
        """Return the four bytes of messages."""
        return bytes(member.value for member in self._members)

    def variants(self) -> tuple[int, int, int, int]:
        """Return the places of the four members in their enumerations, as bincode writes them."""
        group, data, bound, model = (list(type(each)).index(each) for each in self._members)
        return group, data, bound, model

    @property
    def _members(self) -> tuple[Enum, ...]:
        return self.group_type, self.data_type, self.bound_type, self.model_type

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the four bytes of messages.

        Raises:
            InvalidInput: The bytes are no configuration.
        """
        if len(data) != CONFIG_BYTES:
            raise _unknown("mask configuration", data.hex())
        group, kind, bound, model = data
        return cls(
            _valued(GroupType, group),
            _valued(DataType, kind),
            _valued(BoundType, bound),
            _valued(ModelType, model),
        )

    @classmethod
    def from_variants(cls, variants: Sequence[int]) -> Self:
        """Read the places of the four members in their enumerations.

        Raises:
            InvalidInput: A place does not exist.
        """
        group, kind, bound, model = variants
        return cls(
            _placed(GroupType, group),
            _placed(DataType, kind),
            _placed(BoundType, bound),
            _placed(ModelType, model),
        )


def _valued(kind: type[_Member], value: int) -> _Member:
    try:
        return kind(value)
    except ValueError:
        raise _unknown(kind.__name__, value) from None


def _placed(kind: type[_Member], place: int) -> _Member:
    members = list(kind)
    if place >= len(members):
        raise _unknown(kind.__name__, place)
    return members[place]


def _unknown(name: str, value: object) -> InvalidInput:
    return InvalidInput(f"Unknown {name} {value}: no mask configuration has it.", field=name)

"""Vectors of group elements with their unit: masked models, masks, and sums of either."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Self

from fednet.errors import InvalidInput
from fednet.xaynet._mask_config import CONFIG_BYTES, MaskConfig
from fednet.xaynet._modular import Modulus, Numbers

_COUNT: Final = struct.Struct(">I")


@dataclass
class MaskObject:
    """A masked model, a mask, or a sum of several.

    Attributes:
        config: The configuration of the vector and of the unit.
        vector: uint64 of shape (digits, n), see `Modulus`.
        unit: The element that carries the scalar.
    """

    config: MaskConfig
    vector: Numbers
    unit: int

    @classmethod
    def zero(cls, config: MaskConfig, length: int) -> Self:
        """Return the empty sum."""
        return cls(config, Modulus(config.order).zeros(length), 0)

    @property
    def length(self) -> int:
        """The number of elements of the vector."""
        return int(self.vector.shape[1])

    def add(self, other: MaskObject) -> None:
        """Add another object of the same configuration and length, in place.

        Raises:
            InvalidInput: The configuration or the length differs.
        """
        self._check_fits(other)
        Modulus(self.config.order).add(self.vector, other.vector)
        self.unit = (self.unit + other.unit) % self.config.order

    def subtract(self, other: MaskObject) -> None:
        """Subtract another object of the same configuration and length, in place.

        Raises:
            InvalidInput: The configuration or the length differs.
        """
        self._check_fits(other)
        Modulus(self.config.order).subtract(self.vector, other.vector)
        self.unit = (self.unit - other.unit) % self.config.order

    def _check_fits(self, other: MaskObject) -> None:
        if (self.config, self.length) != (other.config, other.length):
            raise InvalidInput("Mask objects must have one configuration and one length.")

    def to_bytes(self) -> bytes:
        """Return the form of messages: configuration, count and elements, then configuration and unit."""
        config, width = self.config.to_bytes(), self.config.element_bytes
        elements = Modulus(self.config.order).to_bytes(self.vector, width)
        unit = self.unit.to_bytes(width, "little")
        return b"".join([config, _COUNT.pack(self.length), elements, config, unit])

    @classmethod
    def from_bytes(cls, data: memoryview | bytes, config: MaskConfig, length: int) -> Self:
        """Read an object of a known configuration and length.

        Raises:
            InvalidInput: The object has another configuration, length or size, or an element is not below the order.
        """
        data = memoryview(data)
        if len(data) != object_bytes(config, length):
            raise _invalid(f"it has {len(data)} bytes instead of {object_bytes(config, length)}")
        unit_start = len(data) - CONFIG_BYTES - config.element_bytes
        vector_start = CONFIG_BYTES + _COUNT.size
        if {bytes(data[:CONFIG_BYTES]), bytes(data[unit_start:][:CONFIG_BYTES])} != {
            config.to_bytes()
        }:
            raise _invalid("it has another mask configuration")
        if _COUNT.unpack_from(data, CONFIG_BYTES) != (length,):
            raise _invalid(f"it has not {length} elements")
        return cls._of_elements(
            config, data[vector_start:unit_start], data[unit_start + CONFIG_BYTES :]
        )

    @classmethod
    def _of_elements(cls, config: MaskConfig, vector: memoryview, unit: memoryview) -> Self:
        modulus = Modulus(config.order)
        numbers = modulus.of_bytes(vector, config.element_bytes)
        value = int.from_bytes(unit, "little")
        if value >= config.order or not modulus.are_below(numbers).all():
            raise _invalid("an element is not below the order of the group")
        return cls(config, numbers, value)


def object_bytes(config: MaskConfig, length: int) -> int:
    """Return the size of a mask object in messages."""
    return 2 * CONFIG_BYTES + _COUNT.size + (length + 1) * config.element_bytes


def _invalid(reason: str) -> InvalidInput:
    return InvalidInput(f"Invalid mask object: {reason}.", field="mask object")

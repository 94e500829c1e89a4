"""The configuration of a coordinator: the sections pet, mask and model of Xaynet's own file."""

from __future__ import annotations

import logging
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fednet import limits
from fednet.errors import InvalidInput
from fednet.xaynet import (
    PAYLOAD_BYTES_MAX,
    BoundType,
    DataType,
    GroupType,
    MaskConfig,
    ModelType,
    largest_payload_bytes,
)

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

Count = Annotated[int, Field(strict=True, ge=1, le=limits.xaynet_participants_max)]
Seconds = Annotated[float, Field(ge=0, le=limits.round_seconds_max)]
_UPDATES_MIN = 3  # with fewer, the sum says too much about each


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Range(_Section):
    """A least and a largest value."""

    min: float
    max: float

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self


class CountRange(_Range):
    """The numbers of messages that a phase needs and takes."""

    min: Count
    max: Count


class TimeRange(_Range):
    """The least duration of a phase, and the longest wait for its messages, in seconds."""

    min: Seconds
    max: Seconds


class PhaseRules(_Section):
    """The rules of a phase that collects messages."""

    count: CountRange
    time: TimeRange


class SumRules(PhaseRules):
    """The rules of the sum phase."""

    count: CountRange = CountRange(min=1, max=100)
    time: TimeRange = TimeRange(min=5, max=3600)
    prob: Annotated[float, Field(gt=0, lt=1)] = 0.5


class UpdateRules(PhaseRules):
    """The rules of the update phase."""

    count: CountRange = CountRange(min=3, max=10_000)
    time: TimeRange = TimeRange(min=10, max=3600)
    prob: Annotated[float, Field(gt=0, le=1)] = 0.9

    @model_validator(mode="after")
    def _check_count(self) -> Self:
        if self.count.min < _UPDATES_MIN:
            raise ValueError(f"count.min must be at least {_UPDATES_MIN}")
        return self


class Sum2Rules(PhaseRules):
    """The rules of the sum2 phase."""

    count: CountRange = CountRange(min=1, max=100)
    time: TimeRange = TimeRange(min=5, max=3600)


class PetRules(_Section):
    """The rules of the three phases; the defaults are those of Xaynet's file."""

    sum: SumRules = SumRules()
    update: UpdateRules = UpdateRules()
    sum2: Sum2Rules = Sum2Rules()

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.sum2.count.max > self.sum.count.max:
            raise ValueError("sum2.count.max is above sum.count.max")
        if self.sum.count.max > limits.xaynet_sum_participants_max:
            raise ValueError(f"sum.count.max is above {limits.xaynet_sum_participants_max}")
        if self.update.count.max * self.sum.count.max > limits.xaynet_seeds_max:
            raise ValueError(
                f"update.count.max times sum.count.max is above {limits.xaynet_seeds_max} seeds"
            )
        return self


class MaskRules(_Section):
    """The members of the mask configuration, by their names."""

    group_type: str = "Prime"
    data_type: str = "F32"
    bound_type: str = "B0"
    model_type: str = "M3"

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        self.config()
        return self

    def config(self) -> MaskConfig:
        """Return the configuration.

        Raises:
            ValueError: A name is unknown.
        """
        return MaskConfig(
            _named(GroupType, self.group_type),
            _named(DataType, self.data_type),
            _named(BoundType, self.bound_type),
            _named(ModelType, self.model_type),
        )


def _named(kind: Any, name: str) -> Any:
    names = {each.name: each for each in kind}
    if name not in names:
        raise ValueError(f"{name!r} is none of {', '.join(names)}")
    return names[name]


class ModelRules(_Section):
    """The form of the model."""

    length: Annotated[int, Field(strict=True, ge=1, le=limits.xaynet_weights_max)]


class CoordinatorConfig(_Section):
    """The configuration of a coordinator."""

    pet: PetRules = PetRules()
    mask: MaskRules = MaskRules()
    model: ModelRules

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if self.payload_bytes_max > PAYLOAD_BYTES_MAX:
            raise ValueError(
                f"an update has up to {self.payload_bytes_max} bytes, and a message holds {PAYLOAD_BYTES_MAX}: "
                "choose a lower model.length, sum.count.max, or a narrower mask"
            )
        return self

    @property
    def payload_bytes_max(self) -> int:
        """The size of the largest payload, that of an update."""
        return largest_payload_bytes(self.mask.config(), self.model.length, self.pet.sum.count.max)


def load_config(path: Path) -> CoordinatorConfig:
    """Read a configuration file; sections for other parts of Xaynet are named in the log and not used.

    Raises:
        InvalidInput: The file cannot be read, or a value is wrong; the error names it.
    """
    content = _toml_of(path)
    others = sorted(content.keys() - CoordinatorConfig.model_fields.keys())
    if others:
        _log.info("sections of %s that are not used: %s", path, ", ".join(others))
    known = {name: content[name] for name in content if name not in others}
    try:
        return CoordinatorConfig(**known)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "model.length"
        raise InvalidInput(
            f"The value of {field} in {path} is wrong: {first['msg']}.", field=field
        ) from None


def _toml_of(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > limits.config_bytes_max:
            raise InvalidInput(
                f"{path} has more than {limits.config_bytes_max} bytes: is it the right file?",
                field="xaynet_config",
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidInput(f"Cannot read {path}: {error}.", field="xaynet_config") from error

"""Reports: values under keys, which attributes and telemetries have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fednet import limits
from fednet.contract import Text
from fednet.storage import Document

from ..records import timestamp
from .dialect import dialect
from .resource import Shown, Source
from .services import services


class NewReport(BaseModel):
    """A value under a key."""

    model_config = ConfigDict(extra="forbid")

    key: Text = Field(min_length=1, max_length=limits.name_characters_max)
    value: Any
    source: Source = Source()

    @model_validator(mode="before")
    @classmethod
    def _in_own_words(cls, given: Any) -> Any:
        return dialect().asked(given, cls.model_fields) if isinstance(given, dict) else given


class Report(Shown):
    """A report, with its time."""

    key: str
    value: Any
    source: Source
    timestamp: str
    """ISO 8601, UTC."""


def keep(collection: str, report: NewReport) -> Document:
    """Write down a report."""
    return services().records.insert(
        collection, {**report.model_dump(mode="json"), "timestamp": timestamp()}
    )

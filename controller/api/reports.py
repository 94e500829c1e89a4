"""What attributes and telemetries have in common: somebody reports a value under a key."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fednet import limits
from fednet.storage import Document

from ..records import timestamp
from .resource import Alternatives, Filters, Shown
from .services import services


class Sender(BaseModel):
    """Whom a report is about."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: str = Field(default="", max_length=limits.name_characters_max)
    role: str = Field(default="", max_length=limits.name_characters_max)
    client_id: str = Field(default="", max_length=limits.name_characters_max)
    """The client's id or name."""


class ReportFilters(Filters):
    """What reports can be filtered by."""

    key: Alternatives = None
    sender_name: Alternatives = Field(None, alias="sender.name")
    sender_role: Alternatives = Field(None, alias="sender.role")
    sender_client_id: Alternatives = Field(None, alias="sender.client_id")


class NewReport(BaseModel):
    """A value under a key."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(min_length=1, max_length=limits.name_characters_max)
    value: Any
    sender: Sender = Sender()


class Report(Shown):
    """What was reported, and when."""

    key: str
    value: Any
    sender: Sender
    timestamp: str
    """ISO 8601, UTC."""


def keep(collection: str, report: NewReport) -> Document:
    """Write down a report."""
    return services().records.insert(
        collection, {**report.model_dump(mode="json"), "timestamp": timestamp()}
    )

"""The common parts of FEDn's routes."""

from collections.abc import Mapping
from typing import Any

from flask_openapi.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from fednet.storage import Query


class Slice(BaseModel):
    """A part of a list; FEDn's default is all of it."""

    model_config = ConfigDict(frozen=True)

    limit: int | None = Field(None, ge=0)
    skip: int = Field(0, ge=0)

    def query(self, where: Mapping[str, Any] | None = None) -> Query:
        """Return the store's query for this part, newest first; a limit of 0 is none."""
        return Query(where=where or {}, descending=True, skip=self.skip, limit=self.limit or None)


def root_blueprint(part: str) -> APIBlueprint:
    """Return an empty blueprint for routes at the root."""
    return APIBlueprint(f"fedn_{part}", __name__, doc_ui=False)


def v1_blueprint(part: str, resource: str) -> APIBlueprint:
    """Return an empty blueprint for routes of a resource that only FEDn has."""
    return APIBlueprint(f"fedn_{part}", __name__, url_prefix=f"/api/v1/{resource}", doc_ui=False)


def only(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return some fields of a document."""
    return {name: document.get(name) for name in names}

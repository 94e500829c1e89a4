"""Compute packages: the active one, and their files."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from fednet import limits
from fednet.storage import Document

from ..catalog import PackageDescription
from .files import file_answer, received_file, said_of_it, sent_file_name
from .resource import Alternatives, ById, Filters, Resource, add_get_route, add_list_routes
from .services import services


class PackageFilters(Filters):
    """What packages can be filtered by."""

    name: Alternatives = None
    helper: Alternatives = None


class PackageUpload(BaseModel):
    """What may be said of a package that is uploaded."""

    model_config = ConfigDict(extra="forbid")

    helper: str = Field("numpyhelper", min_length=1, max_length=limits.name_characters_max)
    name: str | None = Field(None, max_length=limits.name_characters_max)
    description: str | None = Field(None, max_length=limits.text_characters_max)
    file_name: str | None = Field(None, max_length=limits.name_characters_max)
    id: UUID | None = None


class ChosenPackage(BaseModel):
    """The package to be made active."""

    model_config = ConfigDict(extra="forbid")

    id: str


def find(package_id: str) -> Document:
    """A package by its id; "active" is the active one."""
    catalog = services().catalog
    if package_id == "active":
        return catalog.active_package()
    return catalog.records.get("packages", package_id)


def present(packages: Sequence[Document]) -> list[Document]:
    """Packages with the word whether each is the active one."""
    active_id = services().records.active()["package_id"]
    return [{**package, "active": package["id"] == active_id} for package in packages]


RESOURCE = Resource("packages", PackageFilters, present=present, find=find)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post("/", summary="Upload a package and make it the active one")
def upload() -> tuple[dict[str, Any], int]:
    """Keep the package if it is a good one."""
    source = received_file(limits.package_bytes_max)
    said = said_of_it(PackageUpload)
    about = PackageDescription(
        helper=said.helper,
        name=said.name,
        description=said.description,
        file_name=said.file_name or sent_file_name(),
    )
    package = services().catalog.set_active_package(
        source, about, str(said.id) if said.id else None
    )
    return {"success": True, "message": "Package set.", "package_id": package["id"]}, 201


@api.put("/active", summary="Make a package the active one")
def activate(body: ChosenPackage) -> dict[str, Any]:
    """Let clients run this package."""
    package = services().catalog.activate_package(body.id)
    return {"success": True, "message": "Package set.", "package_id": package["id"]}


@api.get("/<string:id>/download", summary="A package's file")
def download(path: ById) -> Response:
    """Stream the package's file, or a range of it."""
    package = find(path.id)
    return file_answer("packages", package, package["file_name"] or f"{package['id']}.tgz")


@api.get("/checksum", summary="The active package's SHA-256")
def checksum() -> dict[str, str]:
    """Answer with the digest in hexadecimal."""
    return {"checksum": services().catalog.active_package()["sha256"]}

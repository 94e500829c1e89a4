"""Compute packages: the active one, and their files."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, ConfigDict, Field

from fednet import limits
from fednet.contract import Permission, check_permission, requires
from fednet.storage import Document

from ..catalog import PackageDescription
from .access import caller
from .bodies import takes_file
from .files import FILE, file_answer, received_file, said_of_it, sent_file_name, upload_body
from .helpers import HelperName
from .resource import (
    ById,
    Maker,
    Resource,
    Shown,
    Succeeded,
    add_get_route,
    add_list_routes,
)
from .services import services


class PackageUpload(BaseModel):
    """The description of an uploaded package."""

    model_config = ConfigDict(extra="forbid")

    helper: HelperName = "numpyhelper"
    name: str | None = Field(None, max_length=limits.name_characters_max)
    description: str | None = Field(None, max_length=limits.text_characters_max)
    file_name: str | None = Field(None, max_length=limits.name_characters_max)
    id: UUID | None = None


class ChosenPackage(BaseModel):
    """The package to be made active."""

    model_config = ConfigDict(extra="forbid")

    id: str


class Package(Shown):
    """One compute package."""

    name: str | None
    description: str | None
    file_name: str | None
    """What the file was called on its author's machine."""

    helper: str
    """The format of the model files that it reads and writes."""

    tasks: list[Literal["train", "validate", "predict"]]
    """What clients that run it may be asked for."""

    active: bool
    """Whether it is the one that clients run."""

    committed_at: str
    """ISO 8601, UTC."""

    created_by: Maker | None = None
    """The principal who uploaded it; None for one that version 0.1.0 stored."""

    size_bytes: int
    sha256: str
    """Of its file, in hexadecimal."""


class PackageSet(BaseModel):
    """The package is the active one."""

    success: Literal[True]
    message: str
    package_id: str


class Checksum(BaseModel):
    """A file's digest."""

    checksum: str = Field(description="SHA-256, in hexadecimal.")


def find(package_id: str) -> Document:
    """Return a package by its id; "active" is the active one."""
    catalog = services().catalog
    if package_id == "active":
        return catalog.active_package()
    return catalog.records.get("packages", package_id)


def fetched(package_id: str) -> Document:
    """Return a package whose file the caller may fetch: any for those who may read packages, else the active one.

    Raises:
        NotFound: There is no such package.
        PermissionDenied: The caller is a client, and the package is not the active one.
    """
    package = find(package_id)
    if package["id"] != services().records.active()["package_id"]:
        action = f"{request.path} for another package than the active one"
        check_permission(caller(), Permission.PACKAGES_READ, action)
    return package


def with_activity(packages: Sequence[Document]) -> list[Document]:
    """Return the packages, each with the field `active`."""
    active_id = services().records.active()["package_id"]
    return [{**package, "active": package["id"] == active_id} for package in packages]


RESOURCE = Resource(
    "packages",
    Permission.PACKAGES_READ,
    completed=with_activity,
    find=find,
    shape=Package,
)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)


@api.post(
    "/",
    summary="Upload a package and make it the active one",
    request_body=upload_body(PackageUpload),
    responses={"201": PackageSet},
)
@takes_file(limits.package_bytes_max)
@requires(Permission.PACKAGES_WRITE)
def upload() -> tuple[dict[str, Any], int]:
    """Keep the package if it is a good one."""
    source = received_file()
    said = said_of_it(PackageUpload)
    about = PackageDescription(
        helper=said.helper,
        name=said.name,
        description=said.description,
        file_name=said.file_name or sent_file_name(),
    )
    package = services().catalog.set_active_package(
        caller(), source, about, str(said.id) if said.id else None
    )
    return {"success": True, "message": "Package set.", "package_id": package["id"]}, 201


@api.put("/active", summary="Make a package the active one", responses={"200": PackageSet})
@requires(Permission.PACKAGES_WRITE)
def activate(body: ChosenPackage) -> dict[str, Any]:
    """Let clients run this package."""
    package = services().catalog.activate_package(caller(), body.id)
    return {"success": True, "message": "Package set.", "package_id": package["id"]}


@api.delete("/active", summary="Deactivate the package", responses={"200": Succeeded})
@requires(Permission.PACKAGES_WRITE)
def deactivate() -> dict[str, Any]:
    """Set no package; the one that was active stays in the list."""
    services().catalog.deactivate_package(caller())
    return {"success": True, "message": "Active package deleted."}


@api.get("/download", summary="The active package's file", responses=FILE)
@requires(Permission.PACKAGES_FETCH)
def download_active() -> Response:
    """Stream the active package's file, or a range of it."""
    return file_of(services().catalog.active_package())


@api.get("/<string:id>/download", summary="A package's file", responses=FILE)
@requires(Permission.PACKAGES_FETCH)
def download(path: ById) -> Response:
    """Stream the package's file, or a range of it; clients get the active one alone."""
    return file_of(fetched(path.id))


def file_of(package: Document) -> Response:
    """Return the bytes of a package, or the range of them that the request asks for."""
    return file_answer("packages", package, package["file_name"] or f"{package['id']}.tgz")


@api.get("/checksum", summary="The active package's SHA-256", responses={"200": Checksum})
@requires(Permission.PACKAGES_FETCH)
def checksum() -> dict[str, str]:
    """Answer with the digest in hexadecimal."""
    return {"checksum": services().catalog.active_package()["sha256"]}

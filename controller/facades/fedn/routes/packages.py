"""FEDn's root routes on compute packages."""

from collections.abc import Sequence
from typing import Any

from flask import Response
from pydantic import BaseModel

from fednet import limits
from fednet.contract import Permission, requires
from fednet.storage import Document

from ....api import packages
from ....api.access import caller
from ....api.bodies import takes_file
from ....api.listing import list_answer
from ....api.services import services
from ..dates import http_date
from ..words_out import shown
from .parts import Slice, only, root_blueprint


class PackageSlice(Slice):
    """The packages that are asked for; include_active marks the active one."""

    include_active: bool = False


class PackageById(BaseModel):
    """Names a package."""

    id: str


class PackageByName(BaseModel):
    """Names a package by its `storage_file_name`; by default the active one."""

    name: str | None = None


api = root_blueprint("packages")


@api.post("/set_package")
@takes_file(limits.package_bytes_max)
@requires(Permission.PACKAGES_WRITE)
def set_package() -> dict[str, Any]:
    """Upload a package and let clients run it."""
    packages.upload()
    return {"success": True, "message": "Compute package set."}


@api.put("/set_active_package")
@requires(Permission.PACKAGES_WRITE)
def set_active_package(query: PackageById) -> dict[str, Any]:
    """Let clients run this package."""
    services().catalog.activate_package(caller(), query.id)
    return {"success": True, "message": "Compute package set."}


@api.get("/get_package")
@requires(Permission.PACKAGES_READ)
def get_package() -> dict[str, Any]:
    """Return the package that clients run."""
    return _form(services().catalog.active_package())


@api.get("/list_compute_packages")
@requires(Permission.PACKAGES_READ)
def list_compute_packages(query: PackageSlice) -> Response:
    """Return all packages."""
    active_id = services().records.active()["package_id"]

    def forms(found: Sequence[Document]) -> list[dict[str, Any]]:
        return [
            _form(each) | ({"active": each["id"] == active_id} if query.include_active else {})
            for each in found
        ]

    return list_answer("packages", query.query(), forms)


@api.get("/download_package")
@requires(Permission.PACKAGES_FETCH)
def download_package(query: PackageByName) -> Response:
    """Return a package's file."""
    return packages.file_of(_named(query.name))


@api.get("/get_package_checksum")
@requires(Permission.PACKAGES_FETCH)
def get_package_checksum(query: PackageByName) -> dict[str, str]:
    """Return a package's SHA-256, in hexadecimal."""
    return {"checksum": _named(query.name)["sha256"]}


def _named(name: str | None) -> Document:
    return packages.fetched(name.removeprefix("packages/") if name else "active")


def _form(package: Document) -> dict[str, Any]:
    fedns = shown("packages", [package])[0]
    said = only(fedns, "id", "file_name", "helper", "storage_file_name", "name", "description")
    return {**said, "committed_at": http_date(package["committed_at"])}

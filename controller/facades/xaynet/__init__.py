"""A coordinator for unmodified participants of Xaynet (PET 1.0), on a port of its own.

`routes` has Xaynet's five routes, `intake` opens messages, `machine/` decides, `archive` stores, and `coordinator`
joins them. `docs/xaynet.md` says how it is run, and which weaknesses the protocol has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from fednet.storage import Blobs, Documents

from ...catalog import Catalog
from ...leases import Leases
from .archive import Archive
from .config import load_config
from .coordinator import Coordinator
from .gallery import CatalogGallery
from .parts import Parts
from .routes import create_app


@dataclass(frozen=True)
class CoordinatorPorts:
    """The parts of a controller that a coordinator uses.

    Attributes:
        documents: The state store.
        blobs: The blob store.
        leases: The controllers that are alive.
        catalog: The network's models.
    """

    documents: Documents
    blobs: Blobs
    leases: Leases
    catalog: Catalog


@contextlib.contextmanager
def coordinating(file: Path, ports: CoordinatorPorts) -> Iterator[Flask]:
    """Coordinate rounds while the block lasts, and give the application for participants.

    Args:
        file: The configuration.
        ports: The controller.

    Raises:
        InvalidInput: The configuration is wrong.
    """
    config = load_config(file)
    archive = Archive(ports.documents, ports.blobs, config.mask.config(), config.model.length)

    def parts_of(folder: str) -> Parts:
        return Parts(ports.blobs, folder, config.payload_bytes_max)

    gallery = CatalogGallery(ports.catalog)
    coordinator = Coordinator(config, archive, ports.leases, gallery, parts_of)
    coordinator.start()
    try:
        yield create_app(coordinator, config.payload_bytes_max)
    finally:
        coordinator.stop()


__all__ = ["CoordinatorPorts", "coordinating"]

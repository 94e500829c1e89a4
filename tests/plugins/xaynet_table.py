"""Coordinators on the same stores, which tests move step by step."""

from fednet.controller.catalog import Catalog
from fednet.controller.facades.xaynet.archive import Archive
from fednet.controller.facades.xaynet.config import CoordinatorConfig
from fednet.controller.facades.xaynet.coordinator import Coordinator
from fednet.controller.facades.xaynet.gallery import CatalogGallery
from fednet.controller.facades.xaynet.parts import Parts
from fednet.controller.leases import Leases


def config_of(**changes):
    """A configuration whose phases end with their last message."""
    at_once = {"min": 0, "max": 3600}
    pet = {
        "sum": {"prob": 0.5, "count": {"min": 1, "max": 10}, "time": at_once},
        "update": {"prob": 0.9, "count": {"min": 3, "max": 10}, "time": at_once},
        "sum2": {"count": {"min": 1, "max": 10}, "time": at_once},
    }
    for phase, change in changes.pop("pet", {}).items():
        pet[phase] |= change
    return CoordinatorConfig(**{"pet": pet, "model": {"length": 3}, **changes})


class Table:
    """The stores, and the coordinators on them.

    Attributes:
        records: The documents.
        blobs: The blobs.
        config: The configuration of further coordinators.
    """

    def __init__(self, records, blobs, folder):
        self.records = records
        self.blobs = blobs
        self.config = config_of()
        self.catalog = Catalog(records, blobs, folder)

    def seat(self, name="a", records=None):
        """Return the coordinator of a controller with this name, which holds its lease and does nothing by itself."""
        return self.coordinator(self.leases(name), records)

    def leases(self, name):
        leases = Leases(self.records, name, f"folder of {name}")
        leases.take("http://127.0.0.1:1")
        return leases

    def coordinator(self, leases, records=None):
        documents = (records or self.records).documents
        config = self.config
        archive = Archive(documents, self.blobs, config.mask.config(), config.model.length)

        def parts_of(folder):
            return Parts(self.blobs, folder, config.payload_bytes_max)

        gallery = CatalogGallery(self.catalog)
        return Coordinator(config, archive, leases, gallery, parts_of)

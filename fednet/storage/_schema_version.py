"""The version number of the form of documents in a store.

A store keeps the number of the fednet that last prepared it. A newer fednet upgrades the store when it opens it; an
older one refuses it, because it would write documents without the keys by which the newer one finds them.
"""

from __future__ import annotations

from typing import Final

from fednet.errors import FailedPrecondition

SCHEMA_VERSION: Final = 4
"""Raised whenever a released fednet would no longer write what this one reads: with every newly
declared field, whose keys are then made from the documents that are there, and with every change of
the documents themselves, which `Collection.upgraded` makes.

    1  0.1.0
    2  answers, controllers, the feed, uploads and secrets have collections of their own
    3  documents have words of their own, not those of another system
"""


def check_version(found: int, store: str) -> None:
    """Refuse a store of a newer version.

    Args:
        found: The version number of the store.
        store: The address of the store, without secrets.

    Raises:
        FailedPrecondition: A newer version of fednet has written the store.
    """
    if found > SCHEMA_VERSION:
        raise FailedPrecondition(
            f"The state store {store} was written by a newer version of fednet (schema {found}, "
            f"this one knows {SCHEMA_VERSION}): upgrade fednet on this machine, or choose another store.",
            field="state_store",
        )

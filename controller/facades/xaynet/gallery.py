"""Finished models as models of the network, which people find in its list and fetch."""

from __future__ import annotations

import io
import uuid

from fednet.digests import Algorithm, digest_of
from fednet.parameters import model_format
from fednet.xaynet import ExactModel

from ...catalog import Catalog

HELPER = "numpyhelper"
_MAKER = {"kind": "controller", "id": "xaynet", "name": "xaynet"}


class CatalogGallery:
    """Keeps models in the network's catalog; none of them becomes its active model.

    Args:
        catalog: The catalog.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def keep(self, model: ExactModel, round_seed: bytes) -> None:
        """Keep the model of a round, under an id that follows from the round's seed.

        Raises:
            InvalidInput: A weight is too large for its dtype.
        """
        file = io.BytesIO()
        model_format(HELPER).write_to(file, [model.weights()])
        file.seek(0)
        digest = bytes.fromhex(digest_of(round_seed, Algorithm.BLAKE3).value)
        model_id = str(uuid.UUID(bytes=digest[:16], version=4))
        self._catalog.add_model(file, model_id, HELPER, created_by=_MAKER)

"""The format of a phase's updates: that of its model, and encoded ones besides. For worker threads."""

from __future__ import annotations

from pathlib import Path

from fednet.codecs import Base, is_encoded, open_encoded
from fednet.parameters import ModelFile, ModelFormat


class UpdateFormat:
    """The files of the updates of one phase; each file says itself if it is encoded.

    Args:
        form: The format of the session.
        model: The file of the global model.
        digest: The digest of the global model, as the clients know it.
    """

    def __init__(self, form: ModelFormat, model: Path, digest: str) -> None:
        self._form = form
        self._model = model
        self._digest = digest

    def open(self, path: Path, *, expected_bytes: int | None = None) -> ModelFile:
        """Open an update; an encoded one is decoded into a file without a name, in the same folder.

        So its arrays are views like those of a plain one, and an aggregator may keep them.

        Args:
            path: The file.
            expected_bytes: See `fednet.parameters.open_model`.

        Raises:
            InvalidModel: The file is not an update of the global model.
            Unavailable: The file cannot be read, or the disk has no room for the decoded numbers.
        """
        if not is_encoded(path):
            return self._form.open(path, expected_bytes=expected_bytes)
        with self._form.open(self._model) as model:
            base = Base(model.structure, model.arrays, self._digest)
            with open_encoded(path, base, expected_bytes=expected_bytes) as update:
                return update.decoded(path.parent)

"""The format of a phase's updates: that of its model, and encoded ones besides. For worker threads."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from fednet.codecs import Base, EncodedUpdate, is_encoded, open_encoded
from fednet.errors import InvalidInput
from fednet.files import whole_file
from fednet.parameters import ModelFile, ModelFormat, model_format

from ..machine.aggregators import aggregator_of
from ..machine.assignment import Assignment


class UpdateFormat:
    """The files of the updates of one phase; each file says itself if it is encoded.

    Args:
        form: The format of the session.
        model: The file of the global model.
        digest: The digest of the global model, as the clients know it.
        reads_blocks: True if readers keep to `fednet.parameters.blocks`; see `Aggregator.reads_blocks`.
    """

    def __init__(
        self, form: ModelFormat, model: Path, digest: str, *, reads_blocks: bool = False
    ) -> None:
        self._form = form
        self._model = model
        self._digest = digest
        self._reads_blocks = reads_blocks

    @classmethod
    def of(cls, assignment: Assignment, model: Path) -> Self:
        """Return the format of the updates of a phase that trains.

        Args:
            assignment: The phase.
            model: The file of its model.
        """
        if assignment.model is None or assignment.model.digest is None:
            raise InvalidInput("A phase that trains needs a model.", field="model")
        return cls(
            model_format(assignment.helper),
            model,
            assignment.model.digest.text,
            reads_blocks=aggregator_of(assignment).reads_blocks,
        )

    def open(self, path: Path, *, expected_bytes: int | None = None) -> ModelFile:
        """Open an update.

        An encoded one is decoded a block at a time whenever it is read, if readers keep to blocks. Otherwise, or if it
        is compressed, it is decoded once, into a file without a name in the same folder: then its arrays are views like
        those of a plain one, and an aggregator may keep them.

        Args:
            path: The file.
            expected_bytes: See `fednet.parameters.open_model`.

        Raises:
            InvalidModel: The file is not an update of the global model.
            Unavailable: The file cannot be read, or the disk has no room for the decoded numbers.
        """
        if not is_encoded(path):
            return self._form.open(path, expected_bytes=expected_bytes)
        update = self._opened(path, expected_bytes)
        if self._reads_blocks and not update.is_compressed:
            return ModelFile(update.structure, update.arrays)
        with update:
            return update.decoded(path.parent)

    def decode(self, path: Path, plain: Path) -> bool:
        """Write an encoded update in the format of the session, whole or not at all; return False for a plain one.

        Raises:
            InvalidModel: The file is not an update of the global model.
            OSError, Unavailable: The file cannot be written.
        """
        if not is_encoded(path):
            return False
        with (
            self._opened(path) as update,
            update.decoded(path.parent) as decoded,
            whole_file(plain) as file,
        ):
            self._form.write_to(file, decoded.arrays, decoded.structure)
        return True

    def _opened(self, path: Path, expected_bytes: int | None = None) -> EncodedUpdate:
        with self._form.open(self._model) as model:
            base = Base(model.structure, model.arrays, self._digest)  # its views stay
            return open_encoded(path, base, expected_bytes=expected_bytes)

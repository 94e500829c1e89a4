"""The models and compute packages of the network: checked, kept, and one of each active.

A file is checked before anything of it is kept. Then the blob is written, then its document, and
only then is it made
active: whoever finds a document finds its blob.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import unicodedata
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.digests import Algorithm, Digest, RunningDigest
from fednet.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidInput,
    InvalidModel,
    LimitExceeded,
    NotFound,
)
from fednet.packages import inspect_package
from fednet.parameters import (
    ModelFormat,
    check_finite,
    helper_names,
    model_format,
    recognised_helper,
)
from fednet.storage import Query

from .digest_fields import digest_fields, digest_in
from .records import new_id, timestamp
from .uploads import open_uploads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from fednet.contract import Principal
    from fednet.storage import Blobs, Document

    from .records import Records
    from .uploads import Uploads


_log = logging.getLogger(__name__)
_NO_FILE_NAME = {
    "Cc",
    "Cs",
    "Zl",
    "Zp",
}  # the categories of Unicode for control characters and line ends


@dataclass(frozen=True)
class PackageDescription:
    """The description of a package by the person who uploads it.

    Attributes:
        helper: The format of the model files that it reads and writes.
        name: A name for people.
        description: What it does.
        file_name: What the file was called on their machine.
    """

    helper: str = "numpyhelper"
    name: str | None = None
    description: str | None = None
    file_name: str | None = None


@dataclass(frozen=True)
class _Upload:
    """A whole file that was received, not yet checked."""

    path: Path
    digest: Digest


@dataclass
class Catalog:
    """Keeps models and packages.

    Args:
        records: Where their documents are.
        blobs: Where their bytes are.
        work_dir: A folder of this process's own for files that are being received, best in the file
            system of the blobs.
    """

    records: Records
    blobs: Blobs
    work_dir: Path
    _committing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def set_active_model(
        self,
        principal: Principal,
        source: BinaryIO,
        model_id: str | None = None,
        helper: str | None = None,
    ) -> Document:
        """Keep a model that nobody trained yet, and begin new sessions with it.

        Args:
            principal: Who asks.
            source: The file.
            model_id: The id that the caller made for it; sending the same again changes nothing.
            helper: Its format; by default the one that the file shows. Bare numbers show none, and
                are taken for files of the active helper.

        Raises:
            AlreadyExists: The id belongs to another file.
            InvalidInput: There is no such helper.
            InvalidModel: It is no good model; nothing of it is kept.
            LimitExceeded: It is larger than limits.model_bytes_max.
        """
        said = model_format(helper).name if helper else None
        with self._received(source, limits.model_bytes_max) as upload:
            form = self._form_of(upload.path, said)
            _check_model(upload.path, form)
            origin = {
                "parent_id": None,
                "session_id": None,
                "helper": form.name,
                "created_by": principal.reference,
            }
            document = self._keep("models", model_id, upload, origin)
        return self.activate_model(principal, document["id"])

    def add_model(
        self, source: BinaryIO, model_id: str, helper: str, created_by: Mapping[str, str]
    ) -> Document:
        """Keep a model that a round of another protocol has made; it does not become active.

        Args:
            source: The file.
            model_id: The id of the model; the same file again changes nothing.
            helper: Its format.
            created_by: Its maker, as documents name a principal.

        Raises:
            AlreadyExists: The id belongs to another file.
            InvalidModel: It is no good model; nothing of it is kept.
            LimitExceeded: It is larger than limits.model_bytes_max.
        """
        form = model_format(helper)
        origin = {"parent_id": None, "session_id": None, "helper": form.name}
        with self._received(source, limits.model_bytes_max) as upload:
            _check_model(upload.path, form)
            return self._keep("models", model_id, upload, {**origin, "created_by": created_by})

    def set_active_package(
        self,
        principal: Principal,
        source: BinaryIO,
        about: PackageDescription,
        package_id: str | None = None,
    ) -> Document:
        """Keep a compute package, and let clients run it.

        Args:
            principal: Who asks.
            source: The file: a tgz, tar or zip.
            about: What is said of it.
            package_id: The id that the caller made for it; sending the same again changes nothing.

        Raises:
            AlreadyExists: The id belongs to another file.
            InvalidInput: There is no such helper, or the file's name has control characters.
            InvalidPackage: It is no good package; nothing of it is kept.
            LimitExceeded: It is larger than limits.package_bytes_max.
        """
        _check_file_name(about.file_name)
        said = {
            "name": about.name,
            "description": about.description,
            "file_name": about.file_name,
            "helper": model_format(about.helper).name,
            "created_by": principal.reference,
        }
        with self._received(source, limits.package_bytes_max) as upload:
            manifest = inspect_package(upload.path)
            about_it = {**said, "tasks": list(manifest.tasks)}
            document = self._keep("packages", package_id, upload, about_it)
        return self.activate_package(principal, document["id"])

    def activate_model(self, principal: Principal, model_id: str) -> Document:
        """Begin new sessions with this model.

        Raises:
            NotFound: There is no such model.
            FailedPrecondition: Its file was deleted, or is being deleted; another model stays active.
        """
        model = with_file(self.records.get("models", model_id))
        before = self.records.active()
        self.records.set_active(model_id=model["id"], helper=model["helper"])
        try:
            self.check_file(model["id"])
        except FailedPrecondition:
            self._restore_active(model["id"], before)
            raise
        _log.info("model %s is active, by %s", model["id"], principal)
        return model

    def check_file(self, model_id: str) -> None:
        """Check that the file of a model that has come into use is there; see `cleaning.models`.

        Raises:
            FailedPrecondition: It was deleted, or is being deleted.
        """
        model = self.records.lookup("models", model_id)
        with_file(model or {"id": model_id, "file_deleted_at": timestamp()})

    def activate_package(self, principal: Principal, package_id: str) -> Document:
        """Let clients run this package.

        Raises:
            NotFound: There is no such package.
        """
        package = self.records.get("packages", package_id)
        self.records.set_active(package_id=package["id"], helper=package["helper"])
        _log.info("package %s is active, by %s", package["id"], principal)
        return package

    def deactivate_package(self, principal: Principal) -> None:
        """Let clients run no package; the one that was active stays in the list.

        Raises:
            NotFound: None is active.
        """
        package = self.active_package()
        self.records.set_active(package_id=None)
        _log.info("package %s was deactivated by %s", package["id"], principal)

    def choose_helper(self, principal: Principal, helper: str) -> None:
        """Take bare numbers that are uploaded from now on for files of this format.

        Raises:
            InvalidInput: There is no such helper.
        """
        self.records.set_active(helper=model_format(helper).name)
        _log.info("the helper is %s, by %s", helper, principal)

    def name_model(self, principal: Principal, model_id: str, name: str | None) -> Document:
        """Give a model a name for people.

        Raises:
            NotFound: There is no such model.
        """
        _log.info("model %s is named %r, by %s", model_id, name, principal)
        return self.records.update("models", model_id, lambda _: {"name": name})

    def pin_model(self, principal: Principal, model_id: str, *, is_pinned: bool) -> Document:
        """Let no retention delete a model, or let it again.

        Raises:
            NotFound: There is no such model.
            FailedPrecondition: It is to be pinned, and its file was deleted.
        """

        def pinned(model: Document) -> Mapping[str, bool]:
            return {"is_pinned": bool(is_pinned and with_file(model))}

        document = self.records.update("models", model_id, pinned)
        _log.info("model %s is %s, by %s", model_id, ["unpinned", "pinned"][is_pinned], principal)
        return document

    def active_model(self) -> Document:
        """Return the model that new sessions begin with: the last one committed or set.

        Raises:
            NotFound: None is set.
        """
        model_id = self.records.active()["model_id"]
        if model_id is None:
            raise NotFound("No model is set. Set one with APIClient.set_active_model(path).")
        return self.records.get("models", model_id)

    def active_helper(self) -> str:
        """Return the format that people work with: of the package or model set last, or chosen since."""
        return self.records.active()["helper"] or helper_names()[0]

    def active_package(self) -> Document:
        """Return the package that clients run.

        Raises:
            NotFound: None is set.
        """
        package_id = self.records.active()["package_id"]
        if package_id is None:
            raise NotFound(
                "No package is set. Set one with APIClient.set_active_package(path, helper)."
            )
        return self.records.get("packages", package_id)

    def read(
        self, collection: str, document: Document, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """Return the bytes of a model or package, or a range of them, in chunks.

        Raises:
            FailedPrecondition: The file was deleted.
        """
        with_file(document)
        return self.blobs.read(_blob_key(collection, document["id"]), offset, length)

    def parameters(self, model: Document) -> list[Any]:
        """Return the numbers of a small model: each array as nested lists.

        Raises:
            LimitExceeded: It has more than limits.shown_parameters_max.
        """
        if model["size_bytes"] > limits.shown_model_bytes_max:
            raise _too_large_to_show()
        form = model_format(model["helper"])
        with self._fetched("models", model) as path, form.open(path) as opened:
            if opened.structure.size > limits.shown_parameters_max:
                raise _too_large_to_show()
            return [array.tolist() for array in opened.arrays]

    def ancestors(self, model_id: str, limit: int, *, include_self: bool = False) -> list[Document]:
        """Return the chain of parents, nearest first.

        Args:
            model_id: The model to start from.
            limit: The most models to answer.
            include_self: Whether the chain begins with the model itself.

        Raises:
            NotFound: There is no such model.
        """
        model: Document | None = self.records.get("models", model_id)
        chain: list[Document] = []
        if not include_self:
            model = self._parent(model)
        while model is not None and len(chain) < limit:
            chain.append(model)
            model = self._parent(model)
        return chain

    def descendants(self, model_id: str, limit: int) -> list[Document]:
        """Return the models that came from this one, generation by generation.

        Args:
            model_id: The model to start from.
            limit: The most models to answer.

        Raises:
            NotFound: There is no such model.
        """
        generation = [self.records.get("models", model_id)["id"]]
        found: list[Document] = []
        while generation and len(found) < limit:
            children = Query(where={"parent_id": generation}, limit=limit - len(found))
            born = self.records.find("models", children)
            found += born
            generation = [model["id"] for model in born]
        return found

    @cached_property
    def uploads(self) -> Uploads:
        """Blobs that are on their way from combiners, to any controller."""
        return open_uploads(self.records, self.blobs)

    def discard_unfinished(self) -> None:
        """Remove what killed processes were receiving: to be called once, at the start."""
        for path in self.work_dir.glob("*"):
            path.unlink(missing_ok=True)
        self.uploads.collect()

    def is_ready(self) -> bool:
        """Return True if the blob store answers."""
        return self.blobs.is_ready()

    def _restore_active(self, model_id: str, before: Document) -> None:
        """Make the model before active again, unless somebody has chosen another one, or it was deleted meanwhile."""
        earlier = self.records.lookup("models", before["model_id"]) if before["model_id"] else None
        is_there = earlier is not None and not earlier.get("file_deleted_at")
        restored = {
            "model_id": before["model_id"] if is_there else None,
            "helper": before["helper"],
        }
        self.records.update(
            "network",
            "active",
            lambda active: restored if active.get("model_id") == model_id else {},
        )

    def _parent(self, model: Document | None) -> Document | None:
        if model is None or model["parent_id"] is None:
            return None
        return self.records.lookup("models", model["parent_id"])

    def _form_of(self, path: Path, said: str | None) -> ModelFormat:
        """Return the format of an uploaded model."""
        found = recognised_helper(path)
        if said and found and found != said:
            raise InvalidModel(
                f"The file is one of {found}, not of {said}. Send it with helper={found!r}, or "
                f"save the model with {said}.",
                field="helper",
            )
        return model_format(said or found or self.active_helper())

    @contextmanager
    def _fetched(self, collection: str, document: Document) -> Iterator[Path]:
        """Hold a model or package in a temporary file."""
        self.work_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.work_dir, prefix="shown-") as file:
            file.writelines(self.read(collection, document))
            file.flush()
            yield Path(file.name)

    @contextmanager
    def _received(self, source: BinaryIO, bytes_max: int) -> Iterator[_Upload]:
        """Hold the whole file in a temporary one, which is deleted at the end unless it was moved away."""
        self.work_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.work_dir, prefix="upload-", delete=False) as file:
            path = Path(file.name)
            try:
                yield _Upload(path, _copy(source, file, bytes_max))
            finally:
                path.unlink(missing_ok=True)

    def _keep(
        self,
        collection: str,
        wanted_id: str | None,
        upload: _Upload,
        about: Mapping[str, Any],
    ) -> Document:
        """Write the blob, then the document; or answer with what an earlier attempt left."""
        document_id = wanted_id or new_id()
        with self._committing:
            known = self.records.documents.get(collection, document_id)
            if known is not None:
                return _the_same(known, upload)
            self.blobs.put_file(_blob_key(collection, document_id), upload.path, upload.digest)
            document = {
                "id": document_id,
                **about,
                "committed_at": timestamp(),
                **digest_fields(upload.digest),
            }
            try:
                return self.records.insert(collection, document)
            except AlreadyExists:  # the same call was quicker at another controller
                return _the_same(self.records.get(collection, document_id), upload)


def with_file(document: Document) -> Document:
    """Return the document of a model or package whose file is there.

    Raises:
        FailedPrecondition: Retention has deleted the file.
    """
    if document.get("file_deleted_at"):
        raise FailedPrecondition(
            f"The file of model {document['id']!r} was deleted by retention. Choose a newer model.",
            field="model_id",
        )
    return document


def _check_file_name(name: str | None) -> None:
    """Refuse a name that no header of an answer can have, and that would break the lines of a list."""
    if name and any(unicodedata.category(sign) in _NO_FILE_NAME for sign in name):
        raise InvalidInput(
            f"The file name {name!r} has control characters or line ends: rename the file.",
            field="file_name",
        )


def _blob_key(collection: str, document_id: str) -> str:
    return f"{collection}/{document_id}"


def _copy(source: BinaryIO, file: Any, bytes_max: int) -> Digest:
    """Copy a stream to a file; return its digest, a SHA-256, which people compare with that of their file."""
    digest = RunningDigest(Algorithm.SHA256)
    while chunk := source.read(limits.chunk_bytes):
        digest.add(chunk)
        if digest.size_bytes > bytes_max:
            raise LimitExceeded(f"The file is larger than {bytes_max} bytes.", field="file")
        file.write(chunk)
    file.flush()
    if digest.size_bytes == 0:
        raise InvalidInput("The file is empty. Send its bytes in the field 'file'.", field="file")
    return digest.digest


def _too_large_to_show() -> LimitExceeded:
    return LimitExceeded(
        f"The model has more than {limits.shown_parameters_max} parameters. Download its file: "
        "APIClient.download_model(id, path)."
    )


def _check_model(path: Path, form: ModelFormat) -> None:
    with form.open(path) as model:
        check_finite(model.arrays, model.structure)


def _the_same(known: Document, upload: _Upload) -> Document:
    if digest_in(known) != upload.digest:
        raise AlreadyExists(
            f"The id {known['id']!r} belongs to another file. Make a new id.", field="id"
        )
    return known

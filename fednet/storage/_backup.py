"""Copies documents and blobs from any store into one file, and from the file into any store.

A controller may work meanwhile. Documents are copied before blobs, and documents in the order of their
collections, so everything that refers to something is copied before it. The controller writes the other way
round: so nothing that a copied document refers to is missing, unless it was deleted meanwhile.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, TypeAlias

from fednet import limits
from fednet.errors import FailedPrecondition, NotFound
from fednet.files import PRIVATE, whole_file
from fednet.storage._backup_file import (
    BackupContents,
    BackupWriter,
    check_backup,
    members,
)
from fednet.storage._blob_names import file_name, key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fednet.storage._blobs import Blobs
    from fednet.storage._documents import Collection, Document, Documents

ShowProgress: TypeAlias = "Callable[[int, int, str], None]"
"""Takes the number of documents and blobs that are done, their total, and the kind that is being copied."""

_DOCUMENTS: Final = "documents/"
_BLOBS: Final = "blobs/"


def back_up(
    path: Path,
    documents: Documents,
    blobs: Blobs,
    collections: Sequence[str],
    show: ShowProgress,
    *,
    without: str | None = None,
) -> BackupContents:
    """Write all documents and blobs to a file (mode 0600), which appears whole or not at all.

    Args:
        path: The file; an earlier one is replaced at the end.
        documents: The state store.
        blobs: The blob store.
        collections: The state store's collections; each comes before those that it refers to.
        show: Is told the progress.
        without: Leave out the blobs whose key begins with this text.

    Raises:
        FailedPrecondition: There is nothing to back up, or the file cannot be written.
        Conflict: A blob was replaced while it was read; try again.
        Unavailable: A store does not answer.
    """
    total = sum(documents.count(name) for name in collections)
    total += sum(1 for _ in _keys(blobs, without))
    if not total:
        raise FailedPrecondition(
            "There is nothing to back up: check the addresses of the stores, or the data folder.",
            field="state_store",
        )
    with _backup_file(path) as file:
        copy = _Copy(BackupWriter(file), total, show)
        for name in collections:
            copy.collection(name, documents)
        for key in _keys(blobs, without):
            copy.blob(key, blobs)
        copy.writer.end(copy.contents)
    return copy.contents


def restore(
    path: Path,
    documents: Documents,
    blobs: Blobs,
    collections: Sequence[Collection],
    show: ShowProgress,
    *,
    add: bool = False,
) -> BackupContents:
    """Check a whole backup, then write its documents and blobs into stores.

    Documents of an older version are upgraded. Their own versions begin again at 1; the order of insertion stays.

    Args:
        path: The backup's file.
        documents: The state store.
        blobs: The blob store.
        collections: The state store's collections.
        show: Is told the progress.
        add: Write also into stores that are not empty, such as those of a restore that broke off: documents
            whose id is there stay as they are, blobs are replaced.

    Raises:
        InvalidInput: The file is not a backup, or is incomplete.
        FailedPrecondition: A store is not empty, or a newer version has written the backup.
        Unavailable: A store does not answer; the stores may hold a part of the backup.
    """
    show(0, 1, "checking the backup")
    contents = check_backup(path)
    kinds = {collection.name: collection for collection in collections}
    _check_collections(path, contents, list(kinds))
    if not add:
        _check_empty(documents, blobs, list(kinds))
    total = sum(contents.documents.values()) + contents.blobs
    done = 0
    for key, content in _blobs_in(path):  # before the documents that refer to them
        blobs.put(key, content)
        done += 1
        show(done, total, "blobs")
    for name, part in _documents_in(path):
        upgraded = kinds[name].upgraded or dict
        documents.insert_missing(name, [upgraded(each) for each in part])
        done += len(part)
        show(done, total, name)
    return contents


class _Copy:
    """A backup in progress, and its contents so far."""

    def __init__(self, writer: BackupWriter, total: int, show: ShowProgress) -> None:
        self.writer = writer
        self.contents = BackupContents()
        self._total, self._show = total, show
        self._done = 0

    def collection(self, name: str, documents: Documents) -> None:
        """Copy the documents of a collection, a bounded number of bytes in each member."""
        self.contents.documents[name] = 0
        for number, lines in enumerate(_parts(documents.scan(name))):
            part = b"".join(lines)
            self.writer.add(f"{_DOCUMENTS}{name}/{number:06}.jsonl", len(part), [part])
            self.contents.documents[name] += len(lines)
            self._tell(len(lines), name)

    def blob(self, key: str, blobs: Blobs) -> None:
        """Copy a blob, unless it is gone since its key was listed."""
        size_bytes = blobs.size(key)
        if size_bytes is None:
            return
        try:
            self.writer.add(_BLOBS + file_name(key), size_bytes, blobs.read(key))
        except NotFound:
            return
        self.contents.blobs += 1
        self.contents.blob_bytes += size_bytes
        self._tell(1, "blobs")

    def _tell(self, more: int, what: str) -> None:
        self._done += more
        self._show(self._done, max(self._done, self._total), what)


def _keys(blobs: Blobs, without: str | None) -> Iterator[str]:
    return (key for key in blobs.list() if without is None or not key.startswith(without))


def _parts(documents: Iterator[Document]) -> Iterator[list[bytes]]:
    """Yield the documents as lines, as many together as make a member of a bounded size."""
    lines: list[bytes] = []
    size_bytes = 0
    for document in documents:
        lines.append(json.dumps(document, separators=(",", ":")).encode() + b"\n")
        size_bytes += len(lines[-1])
        if size_bytes >= limits.backup_part_bytes:
            yield lines
            lines, size_bytes = [], 0
    if lines:
        yield lines


@contextmanager
def _backup_file(path: Path) -> Iterator[IO[bytes]]:
    try:
        with whole_file(path, mode=PRIVATE, durable=True) as file:
            yield file
    except OSError as error:
        raise FailedPrecondition(
            f"Cannot write the backup {path}: {error.strerror}. Choose another place.", field="file"
        ) from error


def _check_collections(path: Path, contents: BackupContents, collections: Sequence[str]) -> None:
    unknown = sorted(set(contents.documents) - set(collections))
    if unknown:
        raise FailedPrecondition(
            f"{path} holds {', '.join(unknown)}, which this version of fednet does not know: "
            "upgrade fednet on this machine.",
            field="file",
        )


def _check_empty(documents: Documents, blobs: Blobs, collections: Sequence[str]) -> None:
    filled = [name for name in collections if documents.count(name)]
    filled += ["blobs"] if next(iter(blobs.list()), None) is not None else []
    if filled:
        raise FailedPrecondition(
            f"The stores already hold {', '.join(filled)}: restore into empty stores, or add the "
            "backup to them with --add.",
            field="add",
        )


def _blobs_in(path: Path) -> Iterator[tuple[str, Iterator[bytes]]]:
    for name, _, chunks in members(path):
        if name.startswith(_BLOBS):
            yield key_of(name.removeprefix(_BLOBS)), chunks


def _documents_in(path: Path) -> Iterator[tuple[str, list[Document]]]:
    for name, _, chunks in members(path):
        if name.startswith(_DOCUMENTS):
            lines = b"".join(chunks).splitlines()
            for start in range(0, len(lines), limits.query_items_max):
                batch = lines[start : start + limits.query_items_max]
                yield name.split("/")[1], [json.loads(line) for line in batch]

"""Blobs as files in a folder, which several processes of one machine may share.

A blob is written to `.incoming/`, forced to the disk and then renamed: readers see the whole blob or none, also after
a power cut.
"""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fednet import limits
from fednet.digests import Algorithm, Digest, RunningDigest, digest_of_open
from fednet.errors import InvalidInput, Unavailable
from fednet.files import put_in_place, sync, write_once
from fednet.storage._blob_names import file_name, folder_name, is_blob, key_of
from fednet.storage._blobs import check_key, check_range, no_such_blob, no_such_file
from fednet.storage._incoming import Incoming
from fednet.storage._redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from io import FileIO

_scheme: Final = "file://"


def open_blobs(url: str) -> DirectoryBlobs:
    """Open the blobs in a folder; create the folder if it is absent.

    Args:
        url: `file://` and the absolute path, without any escapes.

    Raises:
        InvalidInput: The path is not absolute.
        Unavailable: The folder cannot be created or written.
    """
    return DirectoryBlobs(root_of(url))


def root_of(url: str) -> Path:
    """Return the path of the folder at a URL; see `open_blobs`."""
    root = Path(url.removeprefix(_scheme))
    if not root.is_absolute():
        raise InvalidInput(
            f"The blob store {redacted(url)!r} needs an absolute path, such as file:///var/lib/fednet/blobs.",
            field="blob_store",
        )
    return root


def shared_folder(url: str, *, renew: bool = False) -> dict[str, str]:
    """Return the values by which another process finds out that it shares the folder; see `is_shared`.

    Args:
        url: The store's URL.
        renew: Give the folder a new mark, so that no copy of the folder has the same mark. Only the first controller
            may do so, as the mark that other controllers have told becomes invalid.

    Returns:
        blob_store, the URL, and blob_store_mark, the text of a file in the folder; empty for other stores.

    Raises:
        Unavailable: The folder cannot be read or written.
    """
    if not url.startswith(_scheme):
        return {}
    with _os_errors():
        path = _mark_of(url)
        if renew:
            path.unlink(missing_ok=True)
        return {"blob_store": url, "blob_store_mark": _kept_mark(path)}


def _kept_mark(path: Path) -> str:
    """Return the mark in a file; create it if it is absent. Of several processes that create it at once, one wins."""
    with suppress(FileNotFoundError):
        return path.read_text()
    return write_once(path, uuid.uuid4().hex.encode()).decode()


def is_shared(told: Mapping[str, object]) -> bool:
    """Return True if this process sees the very folder that `shared_folder` described, not a copy."""
    url, mark = told.get("blob_store"), told.get("blob_store_mark")
    if not isinstance(url, str) or not url.startswith(_scheme):
        return False
    try:
        return _mark_of(url).read_text() == mark
    except (OSError, UnicodeDecodeError):
        return False


def _mark_of(url: str) -> Path:
    return Path(url.removeprefix(_scheme), ".mark")


class DirectoryBlobs:
    """Blobs in a folder.

    Args:
        root: The folder; nothing else may be kept in it.
    """

    presigner = None

    def __init__(self, root: Path) -> None:
        self._root = root
        with _os_errors():
            self._incoming = Incoming(root / ".incoming")
            self._incoming.clean()

    @property
    def work_folder(self) -> Path:
        """See `Blobs.work_folder`."""
        return self._root / ".uploads"

    def put(self, key: str, source: Iterable[bytes]) -> Digest:
        """See `Blobs.put`."""
        target = self._path(key)
        with self._new_file() as file:
            stored = _write(file, source)
            with _os_errors():
                os.fsync(file.fileno())
                self._publish(Path(file.name), target)
        return stored

    def put_file(self, key: str, path: Path, known: Digest | None = None) -> Digest:
        """See `Blobs.put_file`."""
        target = self._path(key)
        with _os_errors():
            if not path.is_file():
                raise no_such_file(path)
            stored = _made_safe(path, known)
            try:
                self._publish(path, target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._copy(key, path)
        return stored

    def read(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Blobs.read`."""
        check_range(offset, length)
        if self.size(key) is None:
            raise no_such_blob(key)
        return self._chunks(key, offset, length)

    def size(self, key: str) -> int | None:
        """See `Blobs.size`."""
        path = self._path(key)
        with _os_errors():
            try:
                return path.stat().st_size
            except FileNotFoundError:
                return None

    def version(self, key: str) -> str | None:
        """See `Blobs.version`: a put gives the key another file, or the same file another time."""
        path = self._path(key)
        with _os_errors():
            try:
                status = path.stat()
            except FileNotFoundError:
                return None
        return f"{status.st_ino:x}-{status.st_ctime_ns:x}"

    def list(self, prefix: str = "") -> Iterator[str]:
        """See `Blobs.list`."""
        top = self._root / folder_name(prefix.rpartition("/")[0])
        for folder, _, files in os.walk(top, onerror=_raise_unless_absent):
            for name in filter(is_blob, files):
                key = key_of(os.path.relpath(Path(folder, name), self._root))
                if key.startswith(prefix):
                    yield key

    def delete(self, key: str) -> bool:
        """See `Blobs.delete`."""
        path = self._path(key)
        with _os_errors():
            try:
                path.unlink()
            except FileNotFoundError:
                return False
        self._remove_empty(path.parent)
        return True

    def local_path(self, key: str) -> Path | None:
        """See `Blobs.local_path`."""
        return self._path(key) if self.size(key) is not None else None

    def is_ready(self) -> bool:
        """See `Blobs.is_ready`."""
        return os.access(self._root / ".incoming", os.R_OK | os.W_OK | os.X_OK)

    def close(self) -> None:
        """See `Blobs.close`: nothing is open between calls."""

    def _path(self, key: str) -> Path:
        return self._root / file_name(check_key(key))

    @contextmanager
    def _new_file(self) -> Iterator[FileIO]:
        with _os_errors():
            file = self._incoming.create()
        try:
            yield file
        finally:
            with suppress(OSError):  # it has been moved; else the next opening deletes it
                Path(file.name).unlink()
            file.close()

    @contextmanager
    def _folders(self, lock: int) -> Iterator[None]:
        """Lock the folders while the block lasts: shared to fill them, exclusive to remove empty ones."""
        with _opened(self._root / ".incoming") as descriptor:
            fcntl.flock(descriptor, lock)
            yield

    def _publish(self, path: Path, target: Path) -> None:
        with self._folders(fcntl.LOCK_SH):
            target.parent.mkdir(parents=True, exist_ok=True)
            put_in_place(path, target)
        self._sync_folders(target.parent)

    def _sync_folders(self, folder: Path) -> None:
        """Force a new name to the disk, and those of the folders above it, which may be new as well."""
        while folder != self._root.parent:
            with suppress(FileNotFoundError):
                sync(folder)
            folder = folder.parent

    def _remove_empty(self, folder: Path) -> None:
        # An error means that the folder is not empty, or has been removed already.
        with suppress(OSError), self._folders(fcntl.LOCK_EX):
            while folder != self._root:
                folder.rmdir()
                folder = folder.parent

    def _copy(self, key: str, path: Path) -> None:
        with path.open("rb") as file:
            self.put(key, iter(lambda: file.read(limits.chunk_bytes), b""))
        path.unlink()

    def _chunks(self, key: str, offset: int, length: int | None) -> Iterator[bytes]:
        with _os_errors():
            try:
                file = self._path(key).open("rb", buffering=0)
            except FileNotFoundError as error:
                raise no_such_blob(key) from error
        with file:
            size = os.fstat(file.fileno()).st_size
            end = size if length is None else min(size, offset + length)
            for start in range(offset, end, limits.chunk_bytes):
                with _os_errors():
                    chunk = os.pread(file.fileno(), min(limits.chunk_bytes, end - start), start)
                yield chunk


def _write(file: FileIO, source: Iterable[bytes]) -> Digest:
    digest = RunningDigest(Algorithm.BLAKE3)
    for chunk in digest.passing(source):
        rest = memoryview(chunk)
        while rest:
            with _os_errors():
                rest = rest[file.write(rest) :]
    return digest.digest


def _made_safe(path: Path, known: Digest | None) -> Digest:
    with path.open("rb", buffering=0) as file:
        digest = known or digest_of_open(file, Algorithm.BLAKE3)
        os.fsync(file.fileno())
        return digest


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _os_errors() -> Iterator[None]:
    """Map errors of the system to ours."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The blob store does not answer: {error}.") from error


def _raise_unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise Unavailable(f"The blob store does not answer: {error}.") from error

"""The connection to SQLite: one file, a write-ahead log, and a lock while it is opened.

A commit survives the death of the process at once, and a power cut after the next checkpoint (synchronous=NORMAL):
after a power cut the last commits may be missing, but the file is whole. Many processes of one machine may share the
file; it must not lie on a network file system.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.dialects.sqlite import Insert, insert

from fednet import limits
from fednet.errors import InvalidInput, Unavailable
from fednet.files import open_private, private_folder
from fednet.storage._redaction import redacted
from fednet.storage._sql_documents import SqlDocuments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Table

    from fednet.storage._documents import Collection


def open_documents(url: str, collections: Sequence[Collection]) -> SqlDocuments:
    """Open the documents in a file; create the file if it is absent.

    Args:
        url: `sqlite:///` and the absolute path, without any escapes.
        collections: The collections of the database.

    Raises:
        InvalidInput: The path is not absolute.
        FailedPrecondition: A newer version has written the file, or it is not a SQLite database.
        Unavailable: The file cannot be read or written.
    """
    path = path_of(url)
    documents = SqlDocuments(_engine(path), collections, f"sqlite:///{path}", _insert_missing)
    try:
        with _alone(path):
            _prepare(documents)
    except BaseException:
        documents.close()
        raise
    return documents


def path_of(url: str) -> Path:
    """Return the path of the file at a URL; see `open_documents`."""
    path = Path(url.removeprefix("sqlite:///"))
    if not path.is_absolute():
        raise InvalidInput(
            f"The state store {redacted(url)!r} needs an absolute path, such as sqlite:////var/lib/fednet/state.db.",
            field="state_store",
        )
    return path


def _engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        isolation_level="AUTOCOMMIT",
        pool_size=limits.store_requests_max,
        max_overflow=0,
        pool_timeout=limits.store_wait_seconds_max,
        connect_args={"timeout": limits.store_wait_seconds_max},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _set_synchronous)
    return engine


def _set_synchronous(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")


def _insert_missing(table: Table) -> Insert:
    return insert(table).on_conflict_do_nothing(index_elements=["id"])


def _prepare(documents: SqlDocuments) -> None:
    with documents.connection() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        with documents.transaction(connection, begin="BEGIN IMMEDIATE"):
            documents.schema.prepare(connection)


def _make_private(path: Path) -> None:
    """Let only the owner read the file: it holds the network's signing key."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    with suppress(PermissionError):  # the file belongs to another user, who has set its mode
        path.chmod(0o600)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock file: SQLite's lock does not cover the change to a write-ahead log."""
    try:
        private_folder(path.parent)
        with open_private(path.with_name(f"{path.name}-lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make_private(path)
            yield
    except OSError as error:
        raise Unavailable(f"Cannot open the state store {path}: {error}.") from error

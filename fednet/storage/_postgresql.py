"""The connection to PostgreSQL, whose server may restart at any time.

Every statement commits by itself, as durably as the server's `synchronous_commit` says, and a read sees all earlier
commits. The encoding of the database must be UTF8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy import exc as sql_errors
from sqlalchemy.dialects.postgresql import Insert, insert

from fednet import limits
from fednet.errors import FailedPrecondition, InvalidInput
from fednet.storage._redaction import redacted
from fednet.storage._sql_documents import SqlDocuments

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from fednet.storage._documents import Collection

_preparing: Final = int.from_bytes(
    b"fednet"
)  # the advisory lock of the process that prepares a database


def open_documents(url: str, collections: Sequence[Collection]) -> SqlDocuments:
    """Open the documents in a database; create missing tables.

    Args:
        url: `postgresql+psycopg://user:password@host:port/database` or `postgresql://…`, with any parameters of libpq
            after a question mark, such as `sslmode=verify-full`.
        collections: The collections of the database.

    Raises:
        InvalidInput: The URL is invalid.
        FailedPrecondition: A newer version has written the database, its encoding is not UTF8, or the user has too few
            rights.
        Unavailable: The server does not answer, or does not know the user or the database.
    """
    store = redacted(url)
    documents = SqlDocuments(_engine(_parsed(url, store)), collections, store, _insert_missing)
    try:
        _prepare(documents, store)
    except BaseException:
        documents.close()
        raise
    return documents


def _parsed(url: str, store: str) -> URL:
    try:
        return make_url(url).set(drivername="postgresql+psycopg")
    except (sql_errors.ArgumentError, ValueError):
        # Without the cause, which quotes the URL.
        raise InvalidInput(
            f"Invalid URL of the state store {store!r}: write it as "
            "postgresql+psycopg://user:password@host:5432/database, and percent-encode characters "
            "with a meaning in URLs (@ as %40, / as %2F).",
            field="state_store",
        ) from None


def _engine(url: URL) -> Engine:
    return create_engine(
        url,
        module=psycopg,
        isolation_level="AUTOCOMMIT",
        pool_size=limits.store_requests_max,
        max_overflow=0,
        pool_timeout=limits.store_wait_seconds_max,
        pool_pre_ping=True,  # a server that has restarted does not know our connections
        connect_args=_connect_arguments(url),
        hide_parameters=True,
    )


def _connect_arguments(url: URL) -> dict[str, Any]:
    """Return limits for a server that hangs or is unreachable, except for those in the URL."""
    statement = f"-c statement_timeout={_milliseconds(limits.store_statement_seconds_max)}"
    lock = f"-c lock_timeout={_milliseconds(limits.store_wait_seconds_max)}"
    defaults = {
        "application_name": "fednet",
        "connect_timeout": round(limits.connect_seconds_max),
        "keepalives_idle": round(limits.keepalive_seconds),
        "tcp_user_timeout": _milliseconds(limits.store_statement_seconds_max),
    }
    left_open = {name: value for name, value in defaults.items() if name not in url.query}
    options = " ".join([statement, lock, *url.normalized_query.get("options", ())])
    return left_open | {"options": options, "client_encoding": "utf8"}


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


def _insert_missing(table: Table) -> Insert:
    return insert(table).on_conflict_do_nothing(index_elements=["id"])


def _prepare(documents: SqlDocuments, store: str) -> None:
    with documents.connection() as connection, documents.transaction(connection):
        _check_encoding(connection, store)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_preparing})")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")  # an upgrade may take long
        documents.schema.prepare(connection)


def _check_encoding(connection: Connection, store: str) -> None:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise FailedPrecondition(
            f"The state store {store} has the encoding {encoding}, which cannot hold every name: "
            "create a database with ENCODING 'UTF8'.",
            field="state_store",
        )

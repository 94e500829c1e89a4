"""Documents in any SQL database that SQLAlchemy speaks; `_sqlite` has what is particular to it.

One table for each collection: `_sequence` (the order of insertion), `version`, `_body` (the
document as JSON) and one indexed column for `id` and each declared field, which holds its key (see
`_rows`). Every statement commits by itself.
"""
# ruff: noqa: A002  # a document's key is called `id` wherever fednet speaks of it

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy import exc as sql_errors

from fednet.errors import AlreadyExists, FailedPrecondition, InvalidInput, Unavailable
from fednet.storage._documents import EVERYTHING, Collection, Document, Query
from fednet.storage._rows import (
    Key,
    Row,
    already_exists,
    changed_row,
    conflict,
    id_key,
    new_row,
    read,
    wanted_keys,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.sql.dml import UpdateBase

schema_version: Final = 1
"""Raised, with a migration in `prepare`, when the tables or the declared fields change."""


class SqlDocuments:
    """Documents in a SQL database.

    Args:
        engine: An engine whose statements commit by themselves and whose pool serves many threads.
        collections: The collections that the database holds.
    """

    def __init__(self, engine: Engine, collections: Sequence[Collection]) -> None:
        self._engine = engine
        self._collections = {collection.name: collection for collection in collections}
        self._metadata = MetaData()
        self._schema = Table("_schema", self._metadata, Column("version", Integer, nullable=False))
        self._tables = {kind.name: _table(kind, self._metadata) for kind in collections}

    def prepare(self, connection: Connection) -> None:
        """Make the tables that are missing.

        The caller holds a transaction and sees to it that no other process prepares meanwhile.

        Raises:
            FailedPrecondition: The database was written by a newer version of fednet.
        """
        self._schema.create(connection, checkfirst=True)
        found = connection.scalar(select(self._schema.c.version))
        if found is not None and found > schema_version:
            raise FailedPrecondition(
                f"The state store {self._engine.url} was written by a newer version of fednet "
                f"(schema {found}, this one knows {schema_version}): upgrade fednet here, or "
                "choose another data folder.",
                field="state_store",
            )
        self._metadata.create_all(connection)
        if found is None:
            connection.execute(insert(self._schema).values(version=schema_version))

    def insert(self, collection: str, document: Document) -> Document:
        """See `Documents.insert`."""
        kind, table = self._table(collection)
        row = new_row(kind, document)
        self._write(kind, row, insert(table).values(_values(row)))
        return row.document

    def insert_missing(self, collection: str, documents: Sequence[Document]) -> None:
        """See `Documents.insert_missing`."""
        kind, table = self._table(collection)
        rows = {row.keys["id"]: row for row in (new_row(kind, each) for each in documents)}
        known = self._known_ids(table, list(rows))
        missing = [row for key, row in rows.items() if key not in known]
        if not missing:
            return
        try:
            with self.connection() as connection, self._transaction(connection):
                connection.execute(insert(table), [_values(row) for row in missing])
        except AlreadyExists:
            for row in missing:
                self._insert_one_missing(kind, row)

    def _known_ids(self, table: Table, keys: Sequence[Key]) -> set[Key]:
        with self.connection() as connection:
            return set(connection.scalars(select(table.c["id"]).where(table.c["id"].in_(keys))))

    def _insert_one_missing(self, kind: Collection, row: Row) -> None:
        try:
            self.insert(kind.name, row.document)
        except AlreadyExists as error:
            if error.field != "id":
                raise

    def get(self, collection: str, id: str) -> Document | None:
        """See `Documents.get`."""
        _, table = self._table(collection)
        with self.connection() as connection:
            body = connection.scalar(select(table.c["_body"]).where(table.c["id"] == id_key(id)))
        return None if body is None else read(body)

    def find(self, collection: str, query: Query = EVERYTHING) -> list[Document]:
        """See `Documents.find`."""
        kind, table = self._table(collection)
        matching = _matches(table, wanted_keys(kind, query))
        wanted = _ordered(_page(table, query, matching), table, query)
        with self.connection() as connection:
            return [read(body) for body in connection.scalars(wanted)]

    def count(self, collection: str, query: Query = EVERYTHING) -> int:
        """See `Documents.count`."""
        kind, table = self._table(collection)
        matching = _matches(table, wanted_keys(kind, query))
        counted = select(func.count()).select_from(table)
        with self.connection() as connection:
            return connection.scalar(counted.where(*matching)) or 0

    def update(
        self, collection: str, id: str, changes: Mapping[str, Any], *, expected_version: int
    ) -> Document:
        """See `Documents.update`."""
        kind, table = self._table(collection)
        row = changed_row(kind, self.get(collection, id), id, changes, expected_version)
        unchanged = (table.c["id"] == row.keys["id"], table.c["version"] == expected_version)
        if not self._write(kind, row, update(table).where(*unchanged).values(_values(row))):
            raise conflict(kind, id)
        return row.document

    def delete(self, collection: str, id: str) -> bool:
        """See `Documents.delete`."""
        _, table = self._table(collection)
        with self.connection() as connection:
            deleted = connection.execute(delete(table).where(table.c["id"] == id_key(id)))
        return deleted.rowcount == 1

    def is_ready(self) -> bool:
        """See `Documents.is_ready`."""
        try:
            with self.connection() as connection:
                return connection.scalar(select(self._schema.c.version)) is not None
        except (Unavailable, FailedPrecondition):
            return False

    def close(self) -> None:
        """See `Documents.close`."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, connection: Connection) -> Iterator[None]:
        """Let the statements inside commit together, though the engine's commit by themselves."""
        connection.exec_driver_sql("BEGIN")
        try:
            yield
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection; the one place where the database's errors become ours.

        Raises:
            AlreadyExists: A unique column refused a value.
            Unavailable: The database is locked, full, unreachable or out of connections.
            FailedPrecondition: It is damaged, or no database of ours.
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except sql_errors.IntegrityError as error:
            raise AlreadyExists("An id or a unique field is taken.") from error
        except (
            sql_errors.OperationalError,
            sql_errors.InterfaceError,
            sql_errors.TimeoutError,
        ) as error:
            raise Unavailable(f"The state store does not answer: {_words(error)}.") from error
        except sql_errors.SQLAlchemyError as error:
            raise FailedPrecondition(
                f"The state store {self._engine.url} cannot be used: {_words(error)}. "
                "Restore it from a copy, or choose another.",
                field="state_store",
            ) from error

    def _write(self, collection: Collection, row: Row, statement: UpdateBase) -> bool:
        try:
            with self.connection() as connection:
                return connection.execute(statement).rowcount == 1
        except AlreadyExists as error:
            raise already_exists(collection, self._taken_field(collection, row)) from error

    def _taken_field(self, collection: Collection, row: Row) -> str | None:
        """The field whose value is taken; None if its owner has gone since.

        Asked, because no two databases name it alike in their errors.
        """
        if row.version == 1 and self.get(collection.name, row.id):
            return "id"
        table = self._tables[collection.name]
        others = table.c["id"] != row.keys["id"]
        with self.connection() as connection:
            for field in collection.unique:
                same = _is_one_of(table, field, {row.keys[field]} - {None})
                if connection.scalar(select(func.count()).where(same, others)):
                    return field
        return None

    def _table(self, name: str) -> tuple[Collection, Table]:
        if name not in self._tables:
            raise InvalidInput(f"There is no collection {name!r}.", field="collection")
        return self._collections[name], self._tables[name]


def _table(collection: Collection, metadata: MetaData) -> Table:
    unique = ("id", *collection.unique)
    fields = [
        Column(_column(field), Text, nullable=field != "id", index=True, unique=field in unique)
        for field in collection.fields
    ]
    return Table(
        collection.name,
        metadata,
        Column("_sequence", Integer, primary_key=True),
        Column("version", Integer, nullable=False),
        *fields,
        Column("_body", Text, nullable=False),
    )


def _column(field: str) -> str:
    """The column of a field; names hold no double underscore, so no two fields share one."""
    return field.replace(".", "__")


def _values(row: Row) -> dict[str, Key | int]:
    keys = {_column(field): key for field, key in row.keys.items()}
    return {"version": row.version, "_body": row.body, **keys}


def _matches(table: Table, wanted: Mapping[str, set[Key]]) -> list[ColumnElement[bool]]:
    return [_is_one_of(table, field, keys) for field, keys in wanted.items()]


def _is_one_of(table: Table, field: str, keys: set[Key]) -> ColumnElement[bool]:
    column = table.c[_column(field)]
    texts = column.in_(sorted(key for key in keys if key is not None))
    return or_(column.is_(None), texts) if None in keys else texts


def _page(table: Table, query: Query, matching: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """The documents of one page, chosen by their keys alone: no body is read, or sorted, for nothing."""
    sequence = table.c["_sequence"]
    chosen = _ordered(select(sequence).where(*matching), table, query)
    page = chosen.offset(query.skip or None).limit(query.limit)
    return select(table.c["_body"]).where(sequence.in_(page))


def _ordered(chosen: Select[Any], table: Table, query: Query) -> Select[Any]:
    sequence = table.c["_sequence"]
    column = sequence if query.sort is None else table.c[_column(query.sort)]
    if query.descending:
        return chosen.order_by(column.desc().nulls_last(), sequence.desc())
    return chosen.order_by(column.asc().nulls_first(), sequence.asc())


def _words(error: sql_errors.SQLAlchemyError) -> str:
    """What the driver said, without the statement and its values."""
    return str(getattr(error, "orig", None) or error)

"""Documents in any SQL database that SQLAlchemy supports; `_sqlite` and `_postgresql` connect to theirs.

One table for each collection: `_sequence` (the order of insertion), `version`, `_body` (the
document as JSON) and one indexed column for `id` and each declared field, which holds its key (see
`_rows`). Every statement commits by itself.
"""
# ruff: noqa: A002  # a document's key is called `id` wherever fednet speaks of it

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Table,
    func,
    literal,
    or_,
    select,
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
    not_found,
    read,
    wanted_keys,
)
from fednet.storage._sql_schema import SqlSchema, column_name, pages
from fednet.storage._sql_statements import InsertMissing, Statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.sql.dml import UpdateBase


class SqlDocuments:
    """Documents in a SQL database.

    Args:
        engine: An engine whose statements commit by themselves and whose pool serves many threads.
        collections: The collections that the database holds.
        store: The address of the database, without secrets.
        insert_missing: Makes the statement that adds rows except for those whose id is taken.
    """

    def __init__(
        self,
        engine: Engine,
        collections: Sequence[Collection],
        store: str,
        insert_missing: InsertMissing,
    ) -> None:
        self._engine = engine
        self._store = store
        self._collections = {collection.name: collection for collection in collections}
        self.schema = SqlSchema(collections, store)
        self._statements = {
            name: Statements(table, insert_missing, column_name)
            for name, table in self.schema.tables.items()
        }

    def insert(self, collection: str, document: Document) -> Document:
        """See `Documents.insert`."""
        kind, _ = self._table(collection)
        row, statements = new_row(kind, document), self._statements[collection]
        self._write(kind, row, statements.add, statements.values(row))
        return row.document

    def insert_missing(self, collection: str, documents: Sequence[Document]) -> None:
        """See `Documents.insert_missing`."""
        kind, _ = self._table(collection)
        rows = [new_row(kind, each) for each in documents]
        is_one = len(rows) == 1  # a single row needs no transaction
        if rows and (is_one or not self._add_missing_together(collection, rows)):
            self._add_missing_singly(kind, rows)

    def _add_missing_together(self, collection: str, rows: Sequence[Row]) -> bool:
        """Add rows in one transaction; if a unique value is taken, add nothing and return False."""
        statements = self._statements[collection]
        try:
            with self.connection() as connection, self.transaction(connection):
                connection.execute(statements.add_missing, [statements.values(row) for row in rows])
        except AlreadyExists:
            return False
        return True

    def _add_missing_singly(self, kind: Collection, rows: Sequence[Row]) -> None:
        statements = self._statements[kind.name]
        for row in rows:
            try:
                self._write(kind, row, statements.add_missing, statements.values(row))
            except AlreadyExists as error:
                if error.field != "id":
                    raise

    def get(self, collection: str, id: str) -> Document | None:
        """See `Documents.get`."""
        self._table(collection)
        with self.connection() as connection:
            known = {"known_id": id_key(id)}
            body = connection.scalar(self._statements[collection].body, known)
        return None if body is None else read(body)

    def find(self, collection: str, query: Query = EVERYTHING) -> list[Document]:
        """See `Documents.find`."""
        kind, table = self._table(collection)
        matching = _matches(table, wanted_keys(kind, query))
        wanted = _ordered(_page(table, query, matching), table, query)
        return [read(body) for (body,) in self._rows(wanted)]

    def scan(self, collection: str) -> Iterator[Document]:
        """See `Documents.scan`."""
        _, table = self._table(collection)
        return (read(body) for page in pages(self._rows, table) for _, body in page)

    def count(self, collection: str, query: Query = EVERYTHING) -> int:
        """See `Documents.count`."""
        kind, table = self._table(collection)
        matching = _matches(table, wanted_keys(kind, query))
        counted = select(func.count()).select_from(table)
        with self.connection() as connection:
            return connection.scalar(counted.where(*matching)) or 0

    def update(
        self,
        collection: str,
        id: str,
        changes: Mapping[str, Any],
        *,
        expected_version: int,
        known: Document | None = None,
    ) -> Document:
        """See `Documents.update`."""
        kind, _ = self._table(collection)
        current = known or self.get(collection, id)
        row = changed_row(kind, current, id, changes, expected_version)
        statements = self._statements[collection]
        values = statements.changed_values(row, expected_version)
        if not self._write(kind, row, statements.change, values):
            raise conflict(kind, id) if self.get(collection, id) else not_found(kind, id)
        return row.document

    def delete(self, collection: str, id: str) -> bool:
        """See `Documents.delete`."""
        self._table(collection)
        with self.connection() as connection:
            known = {"known_id": id_key(id)}
            deleted = connection.execute(self._statements[collection].remove, known)
        return deleted.rowcount == 1

    def is_ready(self) -> bool:
        """See `Documents.is_ready`."""
        try:
            with self.connection() as connection:
                return self.schema.version(connection) is not None
        except (Unavailable, FailedPrecondition):
            return False

    def close(self) -> None:
        """See `Documents.close`."""
        self._engine.dispose()

    @contextmanager
    def transaction(self, connection: Connection, begin: str = "BEGIN") -> Iterator[None]:
        """Commit the statements of the block together, though those of the engine commit by themselves."""
        connection.exec_driver_sql(begin)
        try:
            yield
        except BaseException:
            if not connection.invalidated:  # a lost connection has rolled back by itself
                connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give a connection, and map errors of the database to ours.

        Raises:
            AlreadyExists: A unique column refuses a value.
            Unavailable: The database is locked, full, temporarily read-only, unreachable or out of connections.
            FailedPrecondition: The database is damaged, or not one of fednet.
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except sql_errors.IntegrityError as error:
            raise AlreadyExists("An id or a unique field is taken.") from error
        except (
            sql_errors.OperationalError,
            sql_errors.InterfaceError,
            sql_errors.InternalError,
            sql_errors.TimeoutError,
        ) as error:
            raise Unavailable(f"The state store does not answer: {_words(error)}.") from error
        except sql_errors.SQLAlchemyError as error:
            raise FailedPrecondition(
                f"Cannot use the state store {self._store}: {_words(error)}. Correct its URL or the "
                "user's rights, or restore it from a backup.",
                field="state_store",
            ) from error

    def _rows(self, wanted: Select[Any]) -> Sequence[Any]:
        with self.connection() as connection:
            return connection.execute(wanted).all()

    def _write(
        self, collection: Collection, row: Row, statement: UpdateBase, values: Mapping[str, Any]
    ) -> bool:
        try:
            with self.connection() as connection:
                return connection.execute(statement, values).rowcount == 1
        except AlreadyExists as error:
            raise already_exists(collection, self._taken_field(collection, row)) from error

    def _taken_field(self, collection: Collection, row: Row) -> str | None:
        """Return the field whose value is taken; None if its owner was deleted meanwhile.

        It is asked for, because databases name it differently in their errors.
        """
        if row.version == 1 and self.get(collection.name, row.id):
            return "id"
        table = self.schema.tables[collection.name]
        others = table.c["id"] != row.keys["id"]
        with self.connection() as connection:
            for field in collection.unique:
                same = _is_one_of(table, field, {row.keys[field]} - {None})
                if connection.scalar(select(func.count()).where(same, others)):
                    return field
        return None

    def _table(self, name: str) -> tuple[Collection, Table]:
        if name not in self.schema.tables:
            raise InvalidInput(f"There is no collection {name!r}.", field="collection")
        return self._collections[name], self.schema.tables[name]


def _matches(table: Table, wanted: Mapping[str, set[Key]]) -> list[ColumnElement[bool]]:
    return [_is_one_of(table, field, keys) for field, keys in wanted.items()]


def _is_one_of(table: Table, field: str, keys: set[Key]) -> ColumnElement[bool]:
    column = table.c[column_name(field)]
    texts = column.in_(sorted(key for key in keys if key is not None))
    return or_(column.is_(None), texts) if None in keys else texts


def _page(table: Table, query: Query, matching: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the statement for one page; it selects by keys alone, so no body is read or sorted needlessly."""
    sequence = table.c["_sequence"]
    chosen = _ordered(select(sequence).where(*matching), table, query)
    page = chosen.offset(_number(query.skip)).limit(_number(query.limit))
    return select(table.c["_body"]).where(sequence.in_(page))


def _number(number: int | None) -> ColumnElement[int] | None:
    """Return a typed number; without a type PostgreSQL expects 32 bits."""
    return None if number is None else literal(number, BigInteger)


def _ordered(chosen: Select[Any], table: Table, query: Query) -> Select[Any]:
    sequence = table.c["_sequence"]
    columns = [] if query.sort is None else [table.c[column_name(query.sort)]]
    if query.descending:
        return chosen.order_by(*(each.desc().nulls_last() for each in columns), sequence.desc())
    return chosen.order_by(*(each.asc().nulls_first() for each in columns), sequence.asc())


def _words(error: sql_errors.SQLAlchemyError) -> str:
    """Return the driver's message in one line, without the statement and its values."""
    said, *_ = str(getattr(error, "orig", None) or error).split("\nLINE ")
    return " ".join(said.split()).rstrip(".")

"""The tables of a SQL database: one for each collection, and one for the schema's version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    bindparam,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.schema import CreateColumn

from fednet import limits
from fednet.storage import _schema_version
from fednet.storage._rows import upgraded_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from fednet.storage._documents import Collection

# Keys compare by code point; SQLite does so by itself.
_KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite counts in 64 bits where the type is exactly INTEGER.
_SEQUENCE: Final = BigInteger().with_variant(Integer, "sqlite")


class SqlSchema:
    """The tables of some collections.

    Args:
        collections: The collections that the database holds.
        store: The address of the database, without secrets.
    """

    def __init__(self, collections: Sequence[Collection], store: str) -> None:
        self._collections = collections
        self._store = store
        self._metadata = MetaData()
        self._version = Table("_schema", self._metadata, Column("version", Integer, nullable=False))
        self.tables = {kind.name: _table(kind, self._metadata) for kind in collections}

    def prepare(self, connection: Connection) -> None:
        """Create missing tables, and upgrade those of an older version.

        The caller holds a transaction, and keeps other processes from preparing meanwhile.

        Raises:
            FailedPrecondition: A newer version of fednet has written the database.
        """
        self._version.create(connection, checkfirst=True)
        found = self.version(connection)
        if found is not None:
            _schema_version.check_version(found, self._store)
        self._metadata.create_all(connection)
        if found is None:
            connection.execute(insert(self._version).values(version=_schema_version.SCHEMA_VERSION))
        elif found < _schema_version.SCHEMA_VERSION:
            self._upgrade(connection)

    def version(self, connection: Connection) -> int | None:
        """Return the schema version of the database; None before the first preparation."""
        return connection.scalar(select(self._version.c.version))

    def _upgrade(self, connection: Connection) -> None:
        for collection in self._collections:
            _bring_up_to_date(connection, collection, self.tables[collection.name])
        connection.execute(update(self._version).values(version=_schema_version.SCHEMA_VERSION))


def column_name(field: str) -> str:
    """Return the column of a field; names hold no double underscore, so no two fields share a column."""
    return field.replace(".", "__")


def _table(collection: Collection, metadata: MetaData) -> Table:
    fields = [
        Column(column_name(field), _KEY, nullable=field != "id") for field in collection.fields
    ]
    sequence = Column("_sequence", _SEQUENCE, primary_key=True)
    version = Column("version", Integer, nullable=False)
    body = Column("_body", Text, nullable=False)
    table = Table(collection.name, metadata, sequence, version, *fields, body)
    for column in fields:
        _add_indexes(table, column, unique=column.name in _unique_columns(collection))
    return table


def _unique_columns(collection: Collection) -> set[str]:
    return {column_name(field) for field in ("id", *collection.unique)}


def _add_indexes(table: Table, column: Column[Any], *, unique: bool) -> None:
    """Add an index that serves both orders of a query, in the dialect of each database.

    An index of SQLite has nulls first and the sequence at its end anyway.
    """
    name = f"ix_{table.name}_{column.name}"
    sequence = [] if unique else [table.c["_sequence"]]
    Index(name, column, unique=unique).ddl_if(dialect="sqlite")
    Index(name, column.asc().nulls_first(), *sequence, unique=unique).ddl_if(dialect="postgresql")


def _bring_up_to_date(connection: Connection, collection: Collection, table: Table) -> None:
    """Upgrade the documents, and let there be a column for each declared field and for no other."""
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    missing = [field for field in collection.fields if column_name(field) not in there]
    for field in missing:
        _add_column(connection, table.c[column_name(field)])
    if missing or collection.upgraded:
        for page in _changed_rows(connection, collection, table):
            known = table.c["_sequence"] == bindparam("known_sequence")
            connection.execute(update(table).where(known), page)
    _drop_columns(connection, table, there - set(table.c.keys()))
    for index in table.indexes:
        index.create(connection, checkfirst=True)


def _add_column(connection: Connection, column: Column[Any]) -> None:
    table = connection.dialect.identifier_preparer.format_table(column.table)
    definition = CreateColumn(column).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {definition}")


def _drop_columns(connection: Connection, table: Table, names: set[str]) -> None:
    """Drop the columns of fields that are declared no more, with their indexes."""
    quoted = connection.dialect.identifier_preparer.quote
    for index in inspect(connection).get_indexes(table.name):
        if index["name"] and set(index["column_names"]) & set(names):
            connection.exec_driver_sql(f"DROP INDEX {quoted(index['name'])}")
    for name in sorted(names):
        connection.exec_driver_sql(f"ALTER TABLE {quoted(table.name)} DROP COLUMN {quoted(name)}")


def _changed_rows(
    connection: Connection, collection: Collection, table: Table
) -> Iterator[list[dict[str, Any]]]:
    """Yield pages of rows as they are to be: the upgraded documents and their keys."""
    for page in pages(lambda rows: connection.execute(rows).all(), table):
        yield [_changed_row(collection, sequence, body) for sequence, body in page]


def _changed_row(collection: Collection, sequence: int, body: str) -> dict[str, Any]:
    row = upgraded_row(collection, body)
    keys = {column_name(field): key for field, key in row.keys.items()}
    return {"known_sequence": sequence, "_body": row.body, **keys}


def pages(read_page: Callable[[Select[Any]], Sequence[Any]], table: Table) -> Iterator[Any]:
    """Yield the sequence and the body of all rows in the order of insertion, some rows at a time."""
    sequence, last = table.c["_sequence"], -1
    rows = select(sequence, table.c["_body"]).order_by(sequence).limit(limits.scan_items)
    while page := read_page(rows.where(sequence > last)):
        yield page
        last = page[-1][0]

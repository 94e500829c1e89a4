"""The statements that are executed often, made once for each table: making one costs more than running it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.sql.dml import Insert

from fednet.storage._rows import Key, Row

Values: TypeAlias = dict[str, Key | int]
InsertMissing: TypeAlias = Callable[[Table], Insert]
"""Makes the statement that adds rows except for those whose id is taken, in the dialect of a database."""


class Statements:
    """The statements for one table. Their parameters come with each execution.

    Args:
        table: The table.
        insert_missing: Makes the statement that adds what is missing.
        column_of: Names the column of a field.

    Attributes:
        body: Selects the body of the row with this `known_id`.
        add: Adds a row.
        add_missing: Adds a row unless its id is taken.
        change: Changes the row with the id `known_id`, if it has the version `known_version`.
        remove: Deletes the row with this `known_id`.
    """

    def __init__(
        self, table: Table, insert_missing: InsertMissing, column_of: Callable[[str], str]
    ) -> None:
        self._column_of = column_of
        is_known = table.c["id"] == bindparam("known_id")
        self.body = select(table.c["_body"]).where(is_known)
        self.add = insert(table)
        self.add_missing = insert_missing(table)
        unchanged = table.c["version"] == bindparam("known_version")
        self.change = update(table).where(is_known, unchanged)
        self.remove = delete(table).where(is_known)

    def values(self, row: Row) -> Values:
        """Return the parameters that hold a row."""
        keys = {self._column_of(field): key for field, key in row.keys.items()}
        return {"version": row.version, "_body": row.body, **keys}

    def changed_values(self, row: Row, expected_version: int) -> Mapping[str, Any]:
        """Return the parameters of `change`."""
        known = {"known_id": row.keys["id"], "known_version": expected_version}
        return {**self.values(row), **known}

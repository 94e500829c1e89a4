"""Write a store of this version down, for the tests of all later ones: once, when the version is released.

    python tests/storage/released/write.py

Beside this script it leaves `<version>.json`, the documents, `<version>.<kind>.sql` for each kind of SQL
database, and `<version>.mongodb.ejson`: what makes the store as this version made it. No such file is ever
written again.
"""

import json
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fednet.controller.records import COLLECTIONS
from fednet.storage import Collection, Document, open_documents

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "plugins"))

from servers.mongodb import MongoDbServer, program  # noqa: E402  the tests' own server
from servers.postgresql import PostgreSqlServer, programs  # noqa: E402  the tests' own server
from servers.process import server_folder, unprivileged_user  # noqa: E402


def main() -> None:
    documents = {kind.name: [document(kind, number) for number in (1, 2)] for kind in COLLECTIONS}
    write("json", json.dumps(documents, indent=1))
    write("sqlite.sql", sqlite_dump(documents))
    write("postgresql.sql", postgresql_dump(documents))
    write("mongodb.ejson", mongodb_dump(documents))


def write(suffix: str, text: str) -> None:
    (HERE / f"{version('fednet')}.{suffix}").write_text(text.rstrip() + "\n")


def document(collection: Collection, number: int) -> Document:
    """A document with every declared field; the first has a value of its own in each, the second none."""
    written: Document = {"id": f"{collection.name}-{number}", "note": "é 🤖 \x00"}
    for path in collection.fields[1:]:
        place = written
        *parents, name = path.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
        place[name] = f"{path} of {collection.name}" if number == 1 else None
    return written


def fill(url: str, documents: dict[str, list[Document]]) -> None:
    with closing(open_documents(url, COLLECTIONS)) as store:
        for name, each in documents.items():
            store.insert_missing(name, each)


def sqlite_dump(documents: dict[str, list[Document]]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        fill(f"sqlite:///{folder}/state.db", documents)
        with closing(sqlite3.connect(f"{folder}/state.db")) as database:
            return "\n".join(database.iterdump())


def postgresql_dump(documents: dict[str, list[Document]]) -> str:
    """What pg_dump says, less what is about the server, the user and the schema."""
    found = programs()
    assert found is not None, "install PostgreSQL's server"
    with server_folder(unprivileged_user()) as folder:
        server = PostgreSqlServer(found, folder)
        server.process.start()
        try:
            fill(server.url(), documents)
            return "\n".join(filter(is_about_the_store, pg_dump(found, server).splitlines()))
        finally:
            server.crash()


def pg_dump(found: Path, server: Any) -> str:
    url = server.url().replace("+psycopg", "")
    command = [str(found / "pg_dump"), "--inserts", "--no-owner", url]
    dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dumped.replace("public.", "")


def mongodb_dump(documents: dict[str, list[Document]]) -> str:
    """The documents and the indexes of each collection, in MongoDB's own JSON."""
    from bson import json_util

    with server_folder() as folder:
        server = MongoDbServer(program(), folder)
        server.process.start()
        try:
            server.make_user()
            fill(url := server.new_store(), documents)
            with server.connect() as client:
                database = client[url.rpartition("/")[2].partition("?")[0]]
                collections = {
                    name: {
                        "documents": list(database[name].find()),
                        "indexes": [dict(index) for index in database[name].list_indexes()],
                    }
                    for name in sorted(database.list_collection_names())
                }
        finally:
            server.crash()
    return json_util.dumps(collections, indent=1)


def is_about_the_store(line: str) -> bool:
    others = ("--", "SET ", "SELECT pg_catalog.set_config", "\\")
    return bool(line) and not line.startswith(others)


if __name__ == "__main__":
    main()

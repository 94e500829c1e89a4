"""The connection to MongoDB: the address of one server or of a replica set, and the guarantees.

A read sees the writes that a majority has; a write is answered when it is on the disks of a majority. The driver finds
a new primary and repeats the running operation there.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo import errors as mongo_errors
from pymongo.read_concern import ReadConcern

from fednet import limits
from fednet.errors import InvalidInput
from fednet.storage._mongo_documents import MongoDocuments
from fednet.storage._mongo_schema import prepare, version_of
from fednet.storage._redaction import redacted
from fednet.storage._schema_version import check_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pymongo.database import Database

    from fednet.storage._documents import Collection
    from fednet.storage._mongo_schema import Stored

_default_database: Final = "fednet"


def open_documents(url: str, collections: Sequence[Collection]) -> MongoDocuments:
    """Open the documents in a database; create the database if it is absent.

    Args:
        url: `mongodb://` or `mongodb+srv://` as MongoDB defines them; the database is `fednet` unless the URL names
            one.
        collections: The collections of the database.

    Raises:
        InvalidInput: The URL is invalid.
        FailedPrecondition: A newer version has written the database, or the user may not use it.
        Unavailable: No server, or no primary, answers.
    """
    store = redacted(url)
    documents = MongoDocuments(_database(url, store), collections, store)
    try:
        with documents.reached() as database:
            check_version(version_of(database) or 0, store)
        with documents.reached(limits.store_upgrade_seconds_max) as database:
            prepare(database, collections)
    except BaseException:
        documents.close()
        raise
    return documents


def _database(url: str, store: str) -> Database[Stored]:
    """Return the database with our guarantees, whatever the URL says."""
    with url_errors(store):
        return _client(url).get_default_database(
            _default_database,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern("majority", j=True),
        )


@contextmanager
def url_errors(store: str) -> Iterator[None]:
    """Map the driver's errors of an invalid URL, or of an unknown host in it, to ours."""
    try:
        yield
    except (mongo_errors.PyMongoError, UserWarning, ValueError, TypeError):
        # Without the cause, which may quote a part of the password.
        raise InvalidInput(
            f"Invalid URL of the state store {store!r}: write it as mongodb://user:password@host:27017/database, "
            "use only options of MongoDB and a host that DNS knows, and percent-encode characters "
            "with a meaning in URLs (@ as %40, / as %2F).",
            field="state_store",
        ) from None


def _client(url: str) -> MongoClient[Stored]:
    with warnings.catch_warnings():
        # A misspelt option is an error: without `tls` the password would be sent in clear text.
        warnings.simplefilter("error", UserWarning)
        return MongoClient(
            url,
            appname="fednet",
            maxPoolSize=limits.store_requests_max,
            retryReads=True,
            retryWrites=True,
        )

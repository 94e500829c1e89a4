"""What is particular about MongoDB: the address of one server or of a replica set, and what is promised.

Every read is of the primary and of what a majority has; every write is on the disks of a majority
before it is answered. The driver looks for a new primary and repeats there what it had under way.
"""

from __future__ import annotations

import warnings
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
    from collections.abc import Sequence

    from pymongo.database import Database

    from fednet.storage._documents import Collection
    from fednet.storage._mongo_schema import Stored

_default_database: Final = "fednet"


def open_documents(url: str, collections: Sequence[Collection]) -> MongoDocuments:
    """The documents in a database, which is made if there is none.

    Args:
        url: `mongodb://` or `mongodb+srv://` as MongoDB defines them; the database is `fednet`,
            unless it names one.
        collections: What it holds.

    Raises:
        InvalidInput: It is no such URL.
        FailedPrecondition: The database was written by a newer version, or we may not use it.
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
    """The database with all that is promised, whatever the URL says about it."""
    try:
        return _client(url).get_default_database(
            _default_database,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern("majority", j=True),
        )
    except (mongo_errors.PyMongoError, UserWarning, ValueError, TypeError):
        # Without its cause, which may quote a part of the password.
        raise InvalidInput(
            f"The state store {store!r} is no URL such as mongodb://user:password@host:27017/database, "
            "has an option that MongoDB does not know, or a name that DNS does not. Percent-encode "
            "what has a meaning in URLs (@ as %40, / as %2F).",
            field="state_store",
        ) from None


def _client(url: str) -> MongoClient[Stored]:
    with warnings.catch_warnings():
        # A misspelt option is no trifle: without its `tls`, the password would go in the clear.
        warnings.simplefilter("error", UserWarning)
        return MongoClient(
            url,
            appname="fednet",
            maxPoolSize=limits.store_requests_max,
            retryReads=True,
            retryWrites=True,
        )

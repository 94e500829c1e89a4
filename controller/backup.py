"""The backup of a controller's stores into a file, and the restore from it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from fednet import storage
from fednet.storage import open_blobs, open_documents

from .records import COLLECTIONS
from .uploads import STAGED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fednet.settings import ControllerSettings
    from fednet.storage import BackupContents, Blobs, Documents

# What refers is copied before what it refers to. A session's state comes first: of all that the
# controller writes it is the last, and from it the engine goes on.
_FIRST: Final = ("network", "sessions")
_LAST: Final = ("rounds", "models", "packages", "clients", "combiners")


def back_up(
    settings: ControllerSettings, path: Path, show: Callable[[int, int, str], None]
) -> BackupContents:
    """Write the controller's state and blobs to a file; see `fednet.storage.back_up`."""
    with open_stores(settings) as (documents, blobs):
        return storage.back_up(path, documents, blobs, _ordered(), show, without=STAGED)


def restore(
    settings: ControllerSettings,
    path: Path,
    show: Callable[[int, int, str], None],
    *,
    add: bool = False,
) -> BackupContents:
    """Write the contents of a backup into the controller's stores; see `fednet.storage.restore`."""
    with open_stores(settings) as (documents, blobs):
        return storage.restore(path, documents, blobs, COLLECTIONS, show, add=add)


@contextmanager
def open_stores(settings: ControllerSettings) -> Iterator[tuple[Documents, Blobs]]:
    """Hold the stores of a controller open.

    Raises:
        Unavailable: A store does not answer.
    """
    with (
        closing(open_documents(settings.state_store_url, COLLECTIONS)) as documents,
        closing(open_blobs(settings.blob_store_url, tls=settings.caller_tls)) as blobs,
    ):
        yield documents, blobs


def _ordered() -> list[str]:
    of_processes = {"orphans", "uploads"}
    names = [each.name for each in COLLECTIONS if each.name not in of_processes]
    return [*_FIRST, *(name for name in names if name not in (*_FIRST, *_LAST)), *_LAST]

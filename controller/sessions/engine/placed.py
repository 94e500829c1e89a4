"""The placement of clients is the controller's: a combiner that claims another combiner's client is not believed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from fednet import limits
from fednet.storage import Query

from ...records import Records
from .news import ClientSeen, News, Snapshot

_log = logging.getLogger(__name__)


def misplaced(records: Records, combiner: str, news: Sequence[News]) -> set[str]:
    """Return the ids of the clients whose connection a combiner tells, and that are not placed on it."""
    claimed = {client for each in news for client in _claimed(each)}
    foreign = claimed - _placed(records, combiner, sorted(claimed))
    for client in sorted(foreign):
        _log.warning("%s serves the client %s, which is not placed there", combiner, client)
    return foreign


def without(news: Sequence[News], clients: Collection[str]) -> list[News]:
    """Return a combiner's news without the connections of some clients."""
    return [_without(each, clients) for each in news if not _is_of(each, clients)]


def _claimed(news: News) -> Collection[str]:
    match news.what:
        case Snapshot() as snapshot:
            return snapshot.clients
        case ClientSeen():
            return (news.client,)
        case _:
            return ()


def _is_of(news: News, foreign: Collection[str]) -> bool:
    return isinstance(news.what, ClientSeen) and news.client in foreign


def _without(news: News, foreign: Collection[str]) -> News:
    if not isinstance(news.what, Snapshot):
        return news
    clients = {id_: able for id_, able in news.what.clients.items() if id_ not in foreign}
    return replace(news, what=replace(news.what, clients=clients))


def _placed(records: Records, combiner: str, clients: Sequence[str]) -> set[str]:
    """Return those of the clients that are placed on the combiner."""
    found: set[str] = set()
    for first in range(0, len(clients), limits.page_items_max):
        where = {"id": clients[first : first + limits.page_items_max], "combiner": combiner}
        found |= {client["id"] for client in records.find("clients", Query(where=where))}
    return found

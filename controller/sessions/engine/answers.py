"""The clients' answers: one document each, from which a session is brought up to date when it is taken up."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from fednet import limits
from fednet.storage import Document, Query

from ...records import Records
from ..machine.documents import iso
from ..machine.events import Answered, Event, Unanswered
from .news import News, TaskFailed, UpdateFolded, ValueGiven

_IDS = uuid.UUID("0d3f4b1c-9f3a-4d0e-8a64-0f5d4f0f7b1e")
COUNTED = "counted"


def document_of(news: News, epoch: str, client_name: str) -> dict[str, Any] | None:
    """Return the document of an answer, or of a task that ended without one; None for other news.

    A task has one answer, so the task's id is the answer's. A task may fail several times before, so a failure has an
    id of its own.
    """
    match news.what:
        case UpdateFolded(num_examples, metadata, seconds):
            told = {"num_examples": num_examples, "metadata": metadata, "seconds": dict(seconds)}
            return {**_about(news, news.task, client_name, COUNTED), **told}
        case ValueGiven(value, content):
            told = {"value": dict(value), "content": base64.b64encode(content).decode()}
            return {**_about(news, news.task, client_name, COUNTED), **told}
        case TaskFailed(why, message):
            id_ = str(uuid.uuid5(_IDS, f"{epoch}/{news.number}"))
            problem = message[: limits.problem_characters_max]
            return {**_about(news, id_, client_name, why.lower()), "message": problem}
        case _:
            return None


def _about(news: News, id_: str, client_name: str, outcome: str) -> dict[str, Any]:
    return {
        "id": id_,
        "session_id": news.session_id,
        "round_id": news.round_id,
        "round_number": news.round_number,
        "phase_id": news.phase_id,
        "kind": news.kind,
        "client": {"id": news.client, "name": client_name},
        "combiner": news.combiner,
        "outcome": outcome,
        "message": "",
        "num_examples": 0.0,
        "metadata": {},
        "seconds": {},
        "happened_at": iso(news.happened_at),
    }


def forget_lost(records: Records, lost: Sequence[News]) -> None:
    """Delete answers that count no more, so that the next answers to their tasks are stored.

    News may come twice. By then another combiner may have the answer: that one stays.
    """
    for news in lost:
        found = records.documents.get("answers", news.task)
        if found and found["combiner"] == news.combiner:
            records.documents.delete("answers", news.task)


def forget_moved(records: Records, documents: Sequence[tuple[str, Document]]) -> None:
    """Delete answers whose task has moved to another combiner, which has an answer since; that one is to be stored.

    Args:
        records: The documents.
        documents: The documents that are about to be added, each with its collection.
    """
    newer = {
        each["id"]: each
        for collection, each in documents
        if collection == "answers" and each["outcome"] == COUNTED
    }
    ids = list(newer)
    for first in range(0, len(ids), limits.page_items_max):
        some = Query(where={"id": ids[first : first + limits.page_items_max]})
        for stored in records.find("answers", some):
            if _has_moved(stored, newer[stored["id"]]):
                records.documents.delete("answers", stored["id"])


def _has_moved(stored: Document, newer: Document) -> bool:
    is_elsewhere: bool = stored["combiner"] != newer["combiner"]
    is_older: bool = stored["happened_at"] < newer["happened_at"]
    return is_elsewhere and is_older


def stored_events(records: Records, phase_ids: Sequence[str]) -> Iterator[Event]:
    """Yield the stored answers of these phases as the events that they were."""
    for first in range(0, len(phase_ids), limits.page_items_max):
        some = list(phase_ids[first : first + limits.page_items_max])
        yield from map(_event_of, _pages(records, some))


def _pages(records: Records, phase_ids: list[str]) -> Iterator[Document]:
    skip = 0
    while True:
        query = Query(where={"phase_id": phase_ids}, skip=skip, limit=limits.page_items_max)
        page = records.find("answers", query)
        yield from page
        if len(page) < limits.page_items_max:
            return
        skip += len(page)


def _event_of(document: Document) -> Event:
    phase_id, client = document["phase_id"], document["client"]
    if document["outcome"] != COUNTED:
        return Unanswered(phase_id, client["id"], client["name"], document["message"])
    return Answered(
        phase_id,
        document["combiner"],
        client["id"],
        document["num_examples"],
        document["seconds"],
        document.get("value", {}),
        base64.b64decode(document.get("content", "")),
        client["name"],
    )

"""Lists of any length in bounded memory: read from the store page by page, and sent as they are read.

A list without `X-Limit` is the whole list; with it, so many items. What
fits on one page is answered at once; what does not is streamed, so that neither its size nor the
number of callers decides how much memory the controller needs.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from flask import Response, current_app, jsonify, stream_with_context

from fednet import limits
from fednet.storage import Document, Query

from .services import services

Present = Callable[[Sequence[Document]], list[Document]]


def pages(collection: str, query: Query) -> Iterator[list[Document]]:
    """Yield the documents of a query in pages of limits.page_items_max.

    What is added meanwhile shifts a newest-first list; what comes twice by that is left out.
    """
    skip, left = query.skip, query.limit
    before: set[str] = set()
    while left is None or left > 0:
        wanted = limits.page_items_max if left is None else min(left, limits.page_items_max)
        found = services().records.find(collection, replace(query, skip=skip, limit=wanted))
        fresh = [document for document in found if document["id"] not in before]
        if fresh:
            yield fresh
        if len(found) < wanted:
            return
        before = {document["id"] for document in found}
        skip += len(found)
        left = None if left is None else left - len(fresh)


def documents(collection: str, query: Query | None = None) -> Iterator[Document]:
    """Yield the documents of a query one after the other; by default all."""
    return chain.from_iterable(pages(collection, query or Query()))


def list_answer(collection: str, query: Query, present: Present) -> Response:
    """Return the answer `{"count": all that the filter finds, "result": what the query asks for}`."""
    records = services().records
    count = records.count(collection, query)
    wanted = max(count - query.skip, 0)
    wanted = wanted if query.limit is None else min(query.limit, wanted)
    query = replace(query, limit=wanted)
    if wanted <= limits.page_items_max:
        return jsonify(count=count, result=present(records.find(collection, query)))
    items = (item for page in pages(collection, query) for item in present(page))
    return _streamed(f'{{"count":{count},"result":[', map(_json, items), "]}")


def object_answer(members: Iterable[tuple[str, Any]]) -> Response:
    """Return the answer `{name: value, …}` with any number of members."""
    texts = (f"{_json(name)}:{_json(value)}" for name, value in members)
    return _streamed("{", texts, "}")


def _streamed(start: str, items: Iterator[str], end: str) -> Response:
    """Yield the items between start and end; the first is made now, while a refusal can still be told."""
    first = next(items, None)
    rest = (f",{item}" for item in items)
    parts = chain([start], [] if first is None else [first], rest, [end])
    return Response(stream_with_context(parts), mimetype="application/json")


def _json(value: Any) -> str:
    return current_app.json.dumps(value)

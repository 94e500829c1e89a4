"""The calls about what a network stores: how much, what would be deleted, and what must not be."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from fednet.http import Http


class APIStorage:
    """The part of APIClient that looks after the stores."""

    _http: Http

    def get_storage_usage(self) -> dict[str, Any]:
        """Return how much the network stores.

        Returns:
            kinds, by kind of object; sessions, a list of those whose models use most; ages, the models by age; and
            pinned. Each has a count, and size_bytes for objects with files.
        """
        return dict(self._http.call("GET", "/api/v1/storage"))

    def clean_storage(
        self,
        *,
        dry_run: bool = False,
        older_than_seconds: float | None = None,
        on_progress: Callable[[str, int], None] | None = None,
    ) -> dict[str, Any]:
        """Delete what the controllers' settings do not keep, and blobs that nothing refers to.

        The active model and its ancestors, pinned models and everything that a running session needs stay. What was
        deleted before an error stays deleted; a repeated call goes on.

        Args:
            dry_run: True to delete nothing, and return what would be deleted.
            older_than_seconds: Replaces the ages of the settings, except for that of the audit log; also the time for
                which a blob has had no reference, if that is longer than an hour.
            on_progress: Called after some seconds of work with the next step and the number of objects so far.

        Returns:
            count and size_bytes, by kind of object.
        """
        count: Counter[str] = Counter()
        size_bytes: Counter[str] = Counter()
        asked: dict[str, Any] = {}
        if older_than_seconds is not None:
            asked["older_than_seconds"] = older_than_seconds
        while True:
            found = self._clean(asked, dry_run=dry_run)
            count.update(found["count"])
            size_bytes.update(found["size_bytes"])
            if found["next"] is None:
                return {"count": dict(count), "size_bytes": dict(size_bytes)}
            asked["position"] = found["next"]
            if on_progress:
                on_progress(found["next"].partition(":")[0], count.total())

    def pin_model(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Let no retention delete a model; return it.

        Args:
            id: Its id, or "active".

        Raises:
            NotFound: There is no such model.
            FailedPrecondition: Its file was deleted.
        """
        return dict(self._http.call("PUT", _pin_path(id)))

    def unpin_model(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Let retention delete a model again; return it.

        Args:
            id: Its id, or "active".

        Raises:
            NotFound: There is no such model.
        """
        return dict(self._http.call("DELETE", _pin_path(id)))

    def _clean(self, asked: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        if dry_run:
            return dict(self._http.call("GET", "/api/v1/storage/surplus", query=asked))
        return dict(self._http.call("POST", "/api/v1/storage/clean", body=asked))


def _pin_path(model_id: str) -> str:
    return f"/api/v1/models/{quote(model_id, safe='')}/pin"

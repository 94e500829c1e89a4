"""The reading half of APIClient: the declared resources, and what else can be looked up.

Objects are dicts, described at `/docs` of every controller. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fednet.api_lists import APILists, in_our_source
from fednet.api_pages import list_of, object_of, page_size
from fednet.errors import SessionFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fednet.http import Http

_UNFINISHED_ENDS = frozenset({"FAILED", "TERMINATED"})


class APIReader(APILists):
    """Reads from a controller.

    Every method raises Unauthenticated for a bad token, and Unavailable or DeadlineExceeded where
    the controller cannot be reached.

    Args:
        http: Speaks to it.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    # Network

    def get_controller_status(self) -> dict[str, Any]:
        """Return the state of the controller: state is "setup" (no model yet), "idle" or "monitoring"."""
        return dict(self._get("network/state"))

    def get_client_config(self, checksum: bool = True) -> dict[str, Any]:
        """Return the addresses by which a client finds the controller.

        Args:
            checksum: True to add the SHA-256 of the active package, in hexadecimal.

        Returns:
            network_id, discover_host, discover_port (an int) and, where it is asked for and a
            package is set, checksum.
        """
        return dict(self._get("network/client-config", query={"checksum": str(checksum).lower()}))

    # Sessions

    def get_session_status(self, id: str) -> str:  # noqa: A002 - the name of the field
        """Return a session's status: INITIALIZED, STARTED, PAUSED, FINISHED, FAILED or TERMINATED.

        Raises:
            NotFound: There is no such session.
        """
        return str(self.get_session(id)["status"])

    def session_is_finished(self, id: str) -> bool:  # noqa: A002 - the name of the field
        """Return True if a session has done all its rounds, and False while it has not ended.

        Raises:
            SessionFailed: It has ended as FAILED or TERMINATED; says why.
            NotFound: There is no such session.
        """
        session = self.get_session(id)
        if session["status"] in _UNFINISHED_ENDS:
            raise SessionFailed(f"Session {id!r} is {session['status']}: {session.get('reason')}")
        return bool(session["status"] == "FINISHED")

    # Models

    def get_active_model(self) -> dict[str, Any]:
        """Return the model with which new sessions begin: the last one that was committed or set.

        Raises:
            NotFound: No model is set.
        """
        return object_of(self._http, "models", "active")

    def get_model_trail(
        self,
        id: str | None = None,  # noqa: A002 - the name of the field
        include_self: bool = True,
        reverse: bool = True,
        n_max: int | None = None,
    ) -> list[dict[str, Any]]:
        """Return the chain of models that led to one.

        Args:
            id: The model where the chain ends; the active one if not given.
            include_self: True if that model itself is part of it.
            reverse: True for oldest first, False for newest first.
            n_max: The most models, counted from the newest; all if None.

        Raises:
            NotFound: There is no such model.
        """
        trail: list[dict[str, Any]] = []
        start, include = id or "active", include_self
        while (wanted := page_size(n_max, len(trail))) > 0:
            page = self._get(
                f"models/{quote(start, safe='')}/ancestors",
                query={"include_self": include},
                headers={"X-Limit": str(wanted)},
            )
            trail += page
            if len(page) < wanted:
                break
            start, include = page[-1]["id"], False
        return trail[::-1] if reverse else trail

    # Packages

    def get_active_package(self) -> dict[str, Any]:
        """Return the compute package that clients run.

        Raises:
            NotFound: No package is set.
        """
        return object_of(self._http, "packages", "active")

    def get_package_checksum(self) -> dict[str, Any]:
        """Return the SHA-256 of the active package, in hexadecimal: checksum.

        Raises:
            NotFound: No package is set.
        """
        return dict(self._get("packages/checksum"))

    # Clients and combiners

    def get_active_clients(
        self, combiner_id: str | None = None, n_max: int | None = None
    ) -> dict[str, Any]:
        """List the connected clients, newest first: count and result.

        Args:
            combiner_id: Only those of the combiner with this name; all if None.
            n_max: The most objects to return; all if None.
        """
        return list_of(self._http, "clients", n_max, {"status": "online", "combiner": combiner_id})

    def get_current_attributes(self, client_list: list[str] | str) -> dict[str, Any]:
        """Return what is true of some clients now.

        Args:
            client_list: The ids or the names of the clients, or a single one.

        Returns:
            For each client its attributes by their keys, or a text if there is no such client.

        Raises:
            InvalidInput: No client is given, or too many are.
        """
        asked = [client_list] if isinstance(client_list, str) else list(client_list)
        path = "/api/v1/attributes/current"
        return dict(self._http.call("POST", path, body={"client_ids": asked}))

    def add_attributes(self, attribute: Mapping[str, Any]) -> dict[str, Any]:
        """Set an attribute of a client or a combiner; its earlier values stay in the list.

        Args:
            attribute: key, value and source, such as
                `{"key": "charging", "value": "true", "source": {"name": "site-1", "kind": "client"}}`.

        Returns:
            The attribute as it is stored.

        Raises:
            InvalidInput: A field is missing or invalid.
        """
        body = in_our_source(attribute)
        return dict(self._http.call("POST", "/api/v1/attributes/", body=body))

    def _get(self, path: str, **options: Any) -> Any:
        return self._http.call("GET", f"/api/v1/{path}", **options)

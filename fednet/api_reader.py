"""What one can look up in a network: the reading half of APIClient.

Lists answer `{"count": how many there are, "result": the objects}`, newest first; where `n_max` is
None they are read to their end, page by page. Objects are dicts, described at `/docs` of every
controller. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import quote

from fednet import limits
from fednet.fedn_filters import FednFilters, in_our_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fednet.http import Http


class APIReader:
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
        """What the controller does: state is "setup" (no model yet), "idle" or "monitoring"."""
        return dict(self._http.call("GET", "/get_controller_status"))

    def get_client_config(self, checksum: bool = True) -> dict[str, Any]:
        """What a client needs to find the controller.

        Args:
            checksum: Whether to add the SHA-256 of the active package, in hexadecimal.

        Returns:
            network_id, discover_host, discover_port (an int) and, where it is asked for and a
            package is set, checksum.
        """
        return dict(self._get("clients/config", query={"checksum": str(checksum).lower()}))

    # Sessions

    def get_session(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """A session by its id.

        Raises:
            NotFound: There is no such session.
        """
        return self._get_object("sessions", id)

    def get_sessions(self, n_max: int | None = None) -> dict[str, Any]:
        """The sessions, newest first: count and result; n_max of them, or all if it is None."""
        return self._list("sessions", n_max)

    def get_sessions_count(self) -> int:
        """How many sessions there are."""
        return self._count("sessions")

    def get_session_status(self, id: str) -> str:  # noqa: A002 - the name of the field
        """A session's status: INITIALIZED, STARTED, PAUSED, FINISHED, FAILED or TERMINATED.

        Raises:
            NotFound: There is no such session.
        """
        return str(self.get_session(id)["status"])

    def session_is_finished(self, id: str) -> bool:  # noqa: A002 - the name of the field
        """Whether a session has done all its rounds.

        Raises:
            NotFound: There is no such session.
        """
        return self.get_session_status(id).upper() == "FINISHED"

    # Models

    def get_model(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """A model by its id.

        Raises:
            NotFound: There is no such model.
        """
        return self._get_object("models", id)

    def get_models(self, session_id: str | None = None, n_max: int | None = None) -> dict[str, Any]:
        """The models, newest first: count and result.

        Args:
            session_id: Only those that this session made; all if None.
            n_max: The most to answer; all if None.
        """
        return self._list("models", n_max, {"session_id": session_id})

    def get_models_count(self) -> int:
        """How many models there are."""
        return self._count("models")

    def get_active_model(self) -> dict[str, Any]:
        """The model that new sessions begin with: the last one that was committed or set.

        Raises:
            NotFound: No model is set.
        """
        return self._get_object("models", "active")

    def get_model_trail(
        self,
        id: str | None = None,  # noqa: A002 - the name of the field
        include_self: bool = True,
        reverse: bool = True,
        n_max: int | None = None,
    ) -> list[dict[str, Any]]:
        """The chain of models that led to one.

        Args:
            id: The model where the chain ends; the active one if not given.
            include_self: Whether that model itself is part of it.
            reverse: True for oldest first, False for newest first.
            n_max: The most models, counted from the newest; all if None.

        Raises:
            NotFound: There is no such model.
        """
        trail: list[dict[str, Any]] = []
        start, include = id or "active", include_self
        while (wanted := _page_size(n_max, len(trail))) > 0:
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

    def get_package(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """A compute package by its id.

        Raises:
            NotFound: There is no such package.
        """
        return self._get_object("packages", id)

    def get_packages(self, n_max: int | None = None) -> dict[str, Any]:
        """The compute packages, newest first: count and result; n_max of them, or all if it is None."""
        return self._list("packages", n_max)

    def get_packages_count(self) -> int:
        """How many compute packages there are."""
        return self._count("packages")

    def get_active_package(self) -> dict[str, Any]:
        """The compute package that clients run.

        Raises:
            NotFound: No package is set.
        """
        return self._get_object("packages", "active")

    def get_package_checksum(self) -> dict[str, Any]:
        """The SHA-256 of the active package, in hexadecimal: checksum.

        Raises:
            NotFound: No package is set.
        """
        return dict(self._get("packages/checksum"))

    # Clients and combiners

    def get_client(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """A client by its id or its name.

        Raises:
            NotFound: There is no such client.
        """
        return self._get_object("clients", id)

    def get_clients(self, n_max: int | None = None) -> dict[str, Any]:
        """The clients, newest first: count and result; n_max of them, or all if it is None."""
        return self._list("clients", n_max)

    def get_active_clients(
        self, combiner_id: str | None = None, n_max: int | None = None
    ) -> dict[str, Any]:
        """The connected clients, newest first: count and result.

        Args:
            combiner_id: Only those of the combiner with this name; all if None.
            n_max: The most to answer; all if None.
        """
        return self._list("clients", n_max, {"status": "online", "combiner": combiner_id})

    def get_clients_count(self) -> int:
        """How many clients there are, connected or not."""
        return self._count("clients")

    def get_combiner(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """A combiner by its id or its name.

        Raises:
            NotFound: There is no such combiner.
        """
        return self._get_object("combiners", id)

    def get_combiners(self, n_max: int | None = None) -> dict[str, Any]:
        """The combiners, newest first: count and result; n_max of them, or all if it is None."""
        return self._list("combiners", n_max)

    def get_combiners_count(self) -> int:
        """How many combiners there are."""
        return self._count("combiners")

    # Users

    def get_user(self, id: str) -> dict[str, Any]:  # noqa: A002 - as in the other methods
        """Return a user by id or name.

        Raises:
            NotFound: There is no such user.
        """
        return self._get_object("users", id)

    def get_users(self, n_max: int | None = None) -> dict[str, Any]:
        """Return the users, newest first: count and result; n_max of them, or all if it is None."""
        return self._list("users", n_max)

    # Rounds, statuses, validations and predictions

    def get_round(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """A round by its id.

        Raises:
            NotFound: There is no such round.
        """
        return self._get_object("rounds", id)

    def get_round_answers(
        self,
        round_id: str,
        client_name: str | None = None,
        outcome: str | None = None,
        n_max: int | None = None,
    ) -> dict[str, Any]:
        """Return the clients' answers in a round, newest first: count and result.

        A filter that is None takes everything.

        Args:
            round_id: The round's id.
            client_name: The name of the client.
            outcome: counted, failed, refused, late or gone.
            n_max: The most to return; all if None.

        Raises:
            NotFound: There is no such round.
        """
        filters = {"client.name": client_name, "outcome": outcome}
        return self._list(f"rounds/{quote(round_id, safe='')}/answers", n_max, filters)

    def get_rounds(self, n_max: int | None = None) -> dict[str, Any]:
        """The rounds of all sessions, newest first: count and result; n_max of them, or all if None."""
        return self._list("rounds", n_max)

    def get_rounds_count(self) -> int:
        """How many rounds there are."""
        return self._count("rounds")

    def get_status(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """A status by its id.

        Raises:
            NotFound: There is no such status.
        """
        return self._get_object("statuses", id)

    def get_statuses(
        self,
        session_id: str | None = None,
        event_type: str | None = None,
        source_name: str | None = None,
        source_kind: str | None = None,
        n_max: int | None = None,
        **fedns: Unpack[FednFilters],
    ) -> dict[str, Any]:
        """What the network's parts logged, newest first: count and result.

        A filter that is None takes everything.

        Args:
            session_id: The session that it belongs to.
            event_type: LOG, MODEL_UPDATE_REQUEST, MODEL_UPDATE, MODEL_VALIDATION_REQUEST,
                MODEL_VALIDATION, MODEL_PREDICTION_REQUEST or MODEL_PREDICTION.
            source_name: The name of the client or combiner that says it.
            source_kind: client or combiner.
            n_max: The most to answer; all if None.
            **fedns: The same by the keywords of `fednet.fedn_filters`.
        """
        filters = {
            "session_id": session_id,
            "type": event_type,
            "source.name": source_name,
            "source.kind": source_kind,
        }
        return self._list("statuses", n_max, filters | in_our_words("statuses", fedns))

    def get_statuses_count(self) -> int:
        """How many statuses there are."""
        return self._count("statuses")

    def get_validation(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """A validation by its id.

        Raises:
            NotFound: There is no such validation.
        """
        return self._get_object("validations", id)

    def get_validations(
        self,
        session_id: str | None = None,
        model_id: str | None = None,
        task_id: str | None = None,
        client_name: str | None = None,
        combiner: str | None = None,
        n_max: int | None = None,
        **fedns: Unpack[FednFilters],
    ) -> dict[str, Any]:
        """Return what clients measured of models, newest first: count and result.

        Of each, `metrics` holds the numbers by name. A filter that is None takes everything.

        Args:
            session_id: The session of the model.
            model_id: The model that was measured.
            task_id: The task that asked for it.
            client_name: The name of the client.
            combiner: The name of the combiner.
            n_max: The most to answer; all if None.
            **fedns: The same by the keywords of `fednet.fedn_filters`.
        """
        filters = {
            "session_id": session_id,
            "model_id": model_id,
            "task_id": task_id,
            "client.name": client_name,
            "combiner": combiner,
        }
        return self._list("validations", n_max, filters | in_our_words("validations", fedns))

    def get_validations_count(self) -> int:
        """How many validations there are."""
        return self._count("validations")

    def get_prediction(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """What one client predicted, by its id.

        Raises:
            NotFound: There is no such prediction.
        """
        return self._get_object("predictions", id)

    def get_predictions(
        self,
        model_id: str | None = None,
        prediction_id: str | None = None,
        client_name: str | None = None,
        combiner: str | None = None,
        n_max: int | None = None,
        **fedns: Unpack[FednFilters],
    ) -> dict[str, Any]:
        """Return what clients predicted, newest first: count and result.

        Of each, `result` is what the client gave. A filter that is None takes everything.

        Args:
            model_id: The model that they predicted with.
            prediction_id: The id of the prediction session.
            client_name: The name of the client.
            combiner: The name of the combiner.
            n_max: The most to answer; all if None.
            **fedns: The same by the keywords of `fednet.fedn_filters`.
        """
        filters = {
            "model_id": model_id,
            "prediction_id": prediction_id,
            "client.name": client_name,
            "combiner": combiner,
        }
        return self._list("predictions", n_max, filters | in_our_words("predictions", fedns))

    def get_predictions_count(self) -> int:
        """How many predictions there are."""
        return self._count("predictions")

    # What they are made of

    def _get(self, path: str, **options: Any) -> Any:
        return self._http.call("GET", f"/api/v1/{path}", **options)

    def _get_object(self, resource: str, key: str) -> dict[str, Any]:
        return dict(self._get(f"{resource}/{quote(key, safe='')}"))

    def _count(self, resource: str) -> int:
        return int(self._get(f"{resource}/count"))

    def _list(
        self, resource: str, n_max: int | None, filters: Mapping[str, str | None] | None = None
    ) -> dict[str, Any]:
        """Page through a list; as additions move the pages, items are told apart by id."""
        found: dict[str, dict[str, Any]] = {}
        skip = 0
        while True:
            wanted = _page_size(n_max, len(found))
            page = self._get(
                f"{resource}/",
                query=filters,
                headers={"X-Limit": str(wanted), "X-Skip": str(skip)},
            )
            found |= {item["id"]: item for item in page["result"]}
            skip += len(page["result"])
            if len(page["result"]) < wanted or len(found) == n_max:
                return {"count": page["count"], "result": list(found.values())}


def _page_size(n_max: int | None, got: int) -> int:
    return limits.page_items_max if n_max is None else min(n_max - got, limits.page_items_max)

"""Lists, counts and single objects: the part of APIClient that follows from the declared resources.

Generated from `fednet/contract/_resources.py` by `make docs`: change the declarations, not this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import quote

from fednet.api_pages import count_of, list_of, named_object_of, object_of
from fednet.fedn_filters import FednFilters, in_our_source, in_our_words

if TYPE_CHECKING:
    from fednet.http import Http

__all__ = ["APILists", "in_our_source"]


class APILists:
    """Lists, counts and gets the objects of a network.

    A list is `{"count": all that the filters find, "result": the objects}`, the newest first. A filter that is None
    takes everything.
    """

    _http: Http

    def get_session(
        self,
        id: str | None = None,  # noqa: A002 - the name of the field
        name: str | None = None,
    ) -> dict[str, Any]:
        """Return a session, by its ID or else the newest one of a name.

        Raises:
            NotFound: There is no such session.
        """
        return named_object_of(self._http, "sessions", id, name)

    def get_sessions(
        self,
        n_max: int | None = None,
        *,
        session_id: str | None = None,
        name: str | None = None,
        status: str | None = None,
    ) -> dict[str, Any]:
        """List the sessions.

        Args:
            n_max: The most objects to return; all if None.
            session_id: The id of the session.
            name: The name for people.
            status: INITIALIZED, STARTED, PAUSED, FINISHED, FAILED or TERMINATED.
        """
        filters = {
            "session_id": session_id,
            "name": name,
            "status": status,
        }
        return list_of(self._http, "sessions", n_max, filters)

    def get_sessions_count(self) -> int:
        """Return the number of sessions."""
        return count_of(self._http, "sessions")

    def get_round(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a round, by its ID.

        Raises:
            NotFound: There is no such round.
        """
        return object_of(self._http, "rounds", id)

    def get_rounds(
        self,
        n_max: int | None = None,
        *,
        round_id: str | None = None,
        session_id: str | None = None,
        status: str | None = None,
    ) -> dict[str, Any]:
        """List the rounds of all sessions.

        Args:
            n_max: The most objects to return; all if None.
            round_id: The number among the rounds of the whole network.
            session_id: The id of the session.
            status: Pending, Finished, Failed or Terminated.
        """
        filters = {
            "round_id": round_id,
            "session_id": session_id,
            "status": status,
        }
        return list_of(self._http, "rounds", n_max, filters)

    def get_rounds_count(self) -> int:
        """Return the number of rounds."""
        return count_of(self._http, "rounds")

    def get_round_answers(
        self,
        round_id: str,
        client_name: str | None = None,
        outcome: str | None = None,
        n_max: int | None = None,
        *,
        phase_id: str | None = None,
        client_id: str | None = None,
    ) -> dict[str, Any]:
        """List the clients' answers in a round.

        Args:
            round_id: The id of the round.
            client_name: The name of the client.
            outcome: counted, failed, refused, late or gone.
            n_max: The most objects to return; all if None.
            phase_id: The id of the phase.
            client_id: The id of the client.

        Raises:
            NotFound: There is no such round.
        """
        filters = {
            "phase_id": phase_id,
            "outcome": outcome,
            "client.id": client_id,
            "client.name": client_name,
        }
        return list_of(self._http, f"rounds/{quote(round_id, safe='')}/answers", n_max, filters)

    def get_model(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a model, by its ID, or `active`.

        Raises:
            NotFound: There is no such model.
        """
        return object_of(self._http, "models", id)

    def get_models(
        self,
        session_id: str | None = None,
        n_max: int | None = None,
        *,
        id: str | None = None,  # noqa: A002 - the name of the field
        parent_id: str | None = None,
    ) -> dict[str, Any]:
        """List the models.

        Args:
            session_id: The id of the session.
            n_max: The most objects to return; all if None.
            id: The id of the model.
            parent_id: The id of the model before it.
        """
        filters = {
            "id": id,
            "parent_id": parent_id,
            "session_id": session_id,
        }
        return list_of(self._http, "models", n_max, filters)

    def get_models_count(self) -> int:
        """Return the number of models."""
        return count_of(self._http, "models")

    def get_package(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a package, by its ID, or `active`.

        Raises:
            NotFound: There is no such package.
        """
        return object_of(self._http, "packages", id)

    def get_packages(
        self,
        n_max: int | None = None,
        *,
        name: str | None = None,
        helper: str | None = None,
    ) -> dict[str, Any]:
        """List the compute packages.

        Args:
            n_max: The most objects to return; all if None.
            name: The name for people.
            helper: The format of its model files.
        """
        filters = {
            "name": name,
            "helper": helper,
        }
        return list_of(self._http, "packages", n_max, filters)

    def get_packages_count(self) -> int:
        """Return the number of packages."""
        return count_of(self._http, "packages")

    def get_client(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a client, by its ID or name.

        Raises:
            NotFound: There is no such client.
        """
        return object_of(self._http, "clients", id)

    def get_clients(
        self,
        n_max: int | None = None,
        *,
        name: str | None = None,
        combiner: str | None = None,
        preferred_combiner: str | None = None,
        ip: str | None = None,
        status: str | None = None,
        updated_at: str | None = None,
    ) -> dict[str, Any]:
        """List the clients, connected or not.

        Args:
            n_max: The most objects to return; all if None.
            name: The name.
            combiner: The name of the combiner that it is placed on.
            preferred_combiner: The name of the combiner that it would rather have.
            ip: The address from which it registered.
            status: available, online or offline.
            updated_at: The time of its last change.
        """
        filters = {
            "name": name,
            "combiner": combiner,
            "preferred_combiner": preferred_combiner,
            "ip": ip,
            "status": status,
            "updated_at": updated_at,
        }
        return list_of(self._http, "clients", n_max, filters)

    def get_clients_count(self) -> int:
        """Return the number of clients."""
        return count_of(self._http, "clients")

    def get_combiner(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a combiner, by its ID or name.

        Raises:
            NotFound: There is no such combiner.
        """
        return object_of(self._http, "combiners", id)

    def get_combiners(
        self,
        n_max: int | None = None,
        *,
        name: str | None = None,
        address: str | None = None,
        ip: str | None = None,
    ) -> dict[str, Any]:
        """List the combiners.

        Args:
            n_max: The most objects to return; all if None.
            name: The name.
            address: The host under which it is reached.
            ip: The address from which it registered.
        """
        filters = {
            "name": name,
            "address": address,
            "ip": ip,
        }
        return list_of(self._http, "combiners", n_max, filters)

    def get_combiners_count(self) -> int:
        """Return the number of combiners."""
        return count_of(self._http, "combiners")

    def get_status(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a status, by its ID.

        Raises:
            NotFound: There is no such status.
        """
        return object_of(self._http, "statuses", id)

    def get_statuses(
        self,
        session_id: str | None = None,
        event_type: str | None = None,
        source_name: str | None = None,
        source_kind: str | None = None,
        n_max: int | None = None,
        *,
        log_level: str | None = None,
        task_id: str | None = None,
        **fedns: Unpack[FednFilters],
    ) -> dict[str, Any]:
        """List the statuses: events in the network, as its parts logged them.

        Args:
            session_id: The id of the session.
            event_type: LOG, or the kind of task, such as MODEL_UPDATE.
            source_name: The name of the client or combiner.
            source_kind: client or combiner.
            n_max: The most objects to return; all if None.
            log_level: INFO, DEBUG, WARNING, ERROR or AUDIT.
            task_id: The id of the task.
            **fedns: The same filters by FEDn's keywords.
        """
        filters = {
            "type": event_type,
            "log_level": log_level,
            "session_id": session_id,
            "task_id": task_id,
            "source.kind": source_kind,
            "source.name": source_name,
        }
        filters |= in_our_words("statuses", fedns)
        return list_of(self._http, "statuses", n_max, filters)

    def get_statuses_count(self) -> int:
        """Return the number of statuses."""
        return count_of(self._http, "statuses")

    def get_validation(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a validation, by its ID.

        Raises:
            NotFound: There is no such validation.
        """
        return object_of(self._http, "validations", id)

    def get_validations(
        self,
        session_id: str | None = None,
        model_id: str | None = None,
        task_id: str | None = None,
        client_name: str | None = None,
        combiner: str | None = None,
        n_max: int | None = None,
        *,
        client_id: str | None = None,
        **fedns: Unpack[FednFilters],
    ) -> dict[str, Any]:
        """List the validations: clients' results on a model.

        Args:
            session_id: The id of the session.
            model_id: The id of the model.
            task_id: The id of the task.
            client_name: The name of the client.
            combiner: The name of the combiner.
            n_max: The most objects to return; all if None.
            client_id: The id of the client.
            **fedns: The same filters by FEDn's keywords.
        """
        filters = {
            "session_id": session_id,
            "model_id": model_id,
            "task_id": task_id,
            "client.id": client_id,
            "client.name": client_name,
            "combiner": combiner,
        }
        filters |= in_our_words("validations", fedns)
        return list_of(self._http, "validations", n_max, filters)

    def get_validations_count(self) -> int:
        """Return the number of validations."""
        return count_of(self._http, "validations")

    def get_prediction(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a prediction, by its ID.

        Raises:
            NotFound: There is no such prediction.
        """
        return object_of(self._http, "predictions", id)

    def get_predictions(
        self,
        model_id: str | None = None,
        prediction_id: str | None = None,
        client_name: str | None = None,
        combiner: str | None = None,
        n_max: int | None = None,
        *,
        client_id: str | None = None,
        **fedns: Unpack[FednFilters],
    ) -> dict[str, Any]:
        """List the predictions: a model's results on clients' data.

        Args:
            model_id: The id of the model.
            prediction_id: The id of the prediction session.
            client_name: The name of the client.
            combiner: The name of the combiner.
            n_max: The most objects to return; all if None.
            client_id: The id of the client.
            **fedns: The same filters by FEDn's keywords.
        """
        filters = {
            "model_id": model_id,
            "prediction_id": prediction_id,
            "client.id": client_id,
            "client.name": client_name,
            "combiner": combiner,
        }
        filters |= in_our_words("predictions", fedns)
        return list_of(self._http, "predictions", n_max, filters)

    def get_predictions_count(self) -> int:
        """Return the number of predictions."""
        return count_of(self._http, "predictions")

    def get_metric(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a metric, by its ID.

        Raises:
            NotFound: There is no such metric.
        """
        return object_of(self._http, "metrics", id)

    def get_metrics(
        self,
        n_max: int | None = None,
        *,
        key: str | None = None,
        model_id: str | None = None,
        round_id: str | None = None,
        session_id: str | None = None,
        client_id: str | None = None,
        client_name: str | None = None,
    ) -> dict[str, Any]:
        """List the metrics: single numbers that clients have measured.

        Args:
            n_max: The most objects to return; all if None.
            key: The name of the number.
            model_id: The id of the model.
            round_id: The id of the round.
            session_id: The id of the session.
            client_id: The id of the client.
            client_name: The name of the client.
        """
        filters = {
            "key": key,
            "model_id": model_id,
            "round_id": round_id,
            "session_id": session_id,
            "client.id": client_id,
            "client.name": client_name,
        }
        return list_of(self._http, "metrics", n_max, filters)

    def get_metrics_count(self) -> int:
        """Return the number of metrics."""
        return count_of(self._http, "metrics")

    def get_attribute(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return an attribute, by its ID.

        Raises:
            NotFound: There is no such attribute.
        """
        return object_of(self._http, "attributes", id)

    def get_attributes(
        self,
        n_max: int | None = None,
        *,
        key: str | None = None,
        source_kind: str | None = None,
        source_name: str | None = None,
        source_id: str | None = None,
    ) -> dict[str, Any]:
        """List the attributes of clients.

        Args:
            n_max: The most objects to return; all if None.
            key: The name of the value.
            source_kind: The kind of the reporter, such as client or combiner.
            source_name: The name of the reporter.
            source_id: The id of the reporter.
        """
        filters = {
            "key": key,
            "source.kind": source_kind,
            "source.name": source_name,
            "source.id": source_id,
        }
        return list_of(self._http, "attributes", n_max, filters)

    def get_attributes_count(self) -> int:
        """Return the number of attributes."""
        return count_of(self._http, "attributes")

    def get_telemetry(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a telemetry, by its ID.

        Raises:
            NotFound: There is no such telemetry.
        """
        return object_of(self._http, "telemetries", id)

    def get_telemetries(
        self,
        n_max: int | None = None,
        *,
        key: str | None = None,
        source_kind: str | None = None,
        source_name: str | None = None,
        source_id: str | None = None,
    ) -> dict[str, Any]:
        """List the telemetries: figures that parts of the network report.

        Args:
            n_max: The most objects to return; all if None.
            key: The name of the value.
            source_kind: The kind of the reporter, such as client or combiner.
            source_name: The name of the reporter.
            source_id: The id of the reporter.
        """
        filters = {
            "key": key,
            "source.kind": source_kind,
            "source.name": source_name,
            "source.id": source_id,
        }
        return list_of(self._http, "telemetries", n_max, filters)

    def get_telemetries_count(self) -> int:
        """Return the number of telemetries."""
        return count_of(self._http, "telemetries")

    def get_user(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return an user, by its ID or name.

        Raises:
            NotFound: There is no such user.
        """
        return object_of(self._http, "users", id)

    def get_users(
        self,
        n_max: int | None = None,
        *,
        name: str | None = None,
        role: str | None = None,
    ) -> dict[str, Any]:
        """List the users: the accounts of people.

        Args:
            n_max: The most objects to return; all if None.
            name: The name.
            role: admin, operator, scientist or viewer.
        """
        filters = {
            "name": name,
            "role": role,
        }
        return list_of(self._http, "users", n_max, filters)

    def get_users_count(self) -> int:
        """Return the number of users."""
        return count_of(self._http, "users")

    def get_token(self, id: str) -> dict[str, Any]:  # noqa: A002 - the name of the field
        """Return a token, by its ID.

        Raises:
            NotFound: There is no such token.
        """
        return object_of(self._http, "tokens", id)

    def get_tokens(
        self,
        n_max: int | None = None,
        *,
        use: str | None = None,
        principal_kind: str | None = None,
        principal_name: str | None = None,
        principal_id: str | None = None,
    ) -> dict[str, Any]:
        """List the records of tokens.

        Args:
            n_max: The most objects to return; all if None.
            use: access, enrolment or membership.
            principal_kind: The kind of the principal: user, client or combiner.
            principal_name: The name of the principal.
            principal_id: The id of the principal.
        """
        filters = {
            "use": use,
            "principal.kind": principal_kind,
            "principal.name": principal_name,
            "principal.id": principal_id,
        }
        return list_of(self._http, "tokens", n_max, filters)

    def get_tokens_count(self) -> int:
        """Return the number of tokens."""
        return count_of(self._http, "tokens")

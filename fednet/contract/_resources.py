"""The resources of the network: the kinds of objects that people list and look up. This is their only declaration.

The collections and indices of the store, the filters of REST, `fednet … list`, and the methods of APIClient that list,
count and get are made from it. A new resource is a declaration here, and a view in `controller/api/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fednet import limits


@dataclass(frozen=True)
class ResourceFilter:
    """One field by which a resource's lists can be filtered.

    Attributes:
        path: The field; a dot leads into an object.
        meaning: The field in a sentence.
        keyword: The argument of APIClient, if it does not follow from the path.
    """

    path: str
    meaning: str
    keyword: str = ""

    @property
    def argument(self) -> str:
        """The argument of APIClient, and of functions that take filters."""
        return self.keyword or self.path.replace(".", "_")


@dataclass(frozen=True)
class ResourceDeclaration:
    """One kind of object.

    Attributes:
        name: The name of its routes, and of its collection.
        one: The name of one object.
        meaning: The objects, in words: "the models".
        columns: The fields that a list shows to people; a dot leads into an object.
        filters: The fields by which its lists can be filtered.
        sorted_by: Further fields by which the store finds and sorts objects.
        unique: The field that no two objects share, besides the id; empty if there is none.
        key: The ways to name one object.
        positional: The arguments of APIClient's list that may be given by position, in their order.
        part_of: The resource whose objects have these as their parts; empty if they stand by themselves.
        kept_max: The number of objects that are kept; beyond it the oldest are deleted. 0 keeps all.
        source_kept_max: The same for the objects of one source.
    """

    name: str
    one: str
    meaning: str
    columns: tuple[str, ...]
    filters: tuple[ResourceFilter, ...] = ()
    sorted_by: tuple[str, ...] = ()
    unique: str = ""
    key: str = "ID"
    positional: tuple[str, ...] = ()
    part_of: str = ""
    kept_max: int = 0
    source_kept_max: int = 0

    @property
    def paths(self) -> tuple[str, ...]:
        """The fields of the filters."""
        return tuple(each.path for each in self.filters)

    @property
    def indexed(self) -> tuple[str, ...]:
        """The fields that the store indexes, besides the id and the unique field."""
        found = dict.fromkeys((*self.paths, *self.sorted_by))
        return tuple(path for path in found if path not in {"id", self.unique})


_SESSION: Final = ResourceFilter("session_id", "The id of the session.")
_MODEL: Final = ResourceFilter("model_id", "The id of the model.")
_CLIENT_ID: Final = ResourceFilter("client.id", "The id of the client.")
_CLIENT_NAME: Final = ResourceFilter("client.name", "The name of the client.")
_COMBINER: Final = ResourceFilter("combiner", "The name of the combiner.")
_REPORT: Final = (
    ResourceFilter("key", "The name of the value."),
    ResourceFilter("source.kind", "The kind of the reporter, such as client or combiner."),
    ResourceFilter("source.name", "The name of the reporter."),
    ResourceFilter("source.id", "The id of the reporter."),
)

RESOURCES: Final = (
    ResourceDeclaration(
        name="sessions",
        one="session",
        meaning="the sessions",
        columns=("session_id", "name", "status", "round_number", "rounds_total", "reason"),
        filters=(
            _SESSION,
            ResourceFilter("name", "The name for people."),
            ResourceFilter(
                "status", "INITIALIZED, STARTED, PAUSED, FINISHED, FAILED or TERMINATED."
            ),
        ),
        sorted_by=("committed_at", "owner.incarnation", "is_settled"),
        unique="session_id",
    ),
    ResourceDeclaration(
        name="rounds",
        one="round",
        meaning="the rounds of all sessions",
        columns=(
            "round_id",
            "session_id",
            "number",
            "status",
            "updates",
            "examples",
            "privacy.epsilon",
            "model_id",
        ),
        filters=(
            ResourceFilter("round_id", "The number among the rounds of the whole network."),
            _SESSION,
            ResourceFilter("status", "Pending, Finished, Failed or Terminated."),
        ),
        sorted_by=("number",),
        unique="round_id",
    ),
    ResourceDeclaration(
        name="answers",
        one="answer",
        meaning="the clients' answers in a round",
        columns=("happened_at", "client.name", "kind", "outcome", "num_examples", "message"),
        filters=(
            ResourceFilter("phase_id", "The id of the phase."),
            ResourceFilter("outcome", "counted, failed, refused, late or gone."),
            _CLIENT_ID,
            _CLIENT_NAME,
        ),
        sorted_by=("session_id", "round_id", "happened_at"),
        positional=("client_name", "outcome"),
        part_of="rounds",
    ),
    ResourceDeclaration(
        name="models",
        one="model",
        meaning="the models",
        columns=("id", "parent_id", "session_id", "size_bytes", "committed_at"),
        filters=(
            ResourceFilter("id", "The id of the model."),
            ResourceFilter("parent_id", "The id of the model before it."),
            _SESSION,
        ),
        sorted_by=("committed_at", "file_deleted_at"),
        key="ID, or `active`",
        positional=("session_id",),
    ),
    ResourceDeclaration(
        name="packages",
        one="package",
        meaning="the compute packages",
        columns=("id", "name", "active", "helper", "size_bytes", "committed_at"),
        filters=(
            ResourceFilter("name", "The name for people."),
            ResourceFilter("helper", "The format of its model files."),
        ),
        sorted_by=("committed_at",),
        key="ID, or `active`",
    ),
    ResourceDeclaration(
        name="clients",
        one="client",
        meaning="the clients, connected or not",
        columns=(
            "name",
            "status",
            "readiness",
            "preparing",
            "awaiting_approval",
            "combiner",
            "ip",
            "updated_at",
            "id",
        ),
        filters=(
            ResourceFilter("name", "The name."),
            ResourceFilter("combiner", "The name of the combiner that it is placed on."),
            ResourceFilter(
                "preferred_combiner", "The name of the combiner that it would rather have."
            ),
            ResourceFilter("ip", "The address from which it registered."),
            ResourceFilter("status", "available, online or offline."),
            ResourceFilter("updated_at", "The time of its last change."),
        ),
        unique="name",
        key="ID or name",
    ),
    ResourceDeclaration(
        name="combiners",
        one="combiner",
        meaning="the combiners",
        columns=("name", "address", "port", "ip", "updated_at", "id"),
        filters=(
            ResourceFilter("name", "The name."),
            ResourceFilter("address", "The host under which it is reached."),
            ResourceFilter("ip", "The address from which it registered."),
        ),
        sorted_by=("updated_at",),
        unique="name",
        key="ID or name",
    ),
    ResourceDeclaration(
        name="statuses",
        one="status",
        meaning="the statuses: events in the network, as its parts logged them",
        columns=("timestamp", "log_level", "type", "source.name", "session_id", "message", "id"),
        filters=(
            ResourceFilter("type", "LOG, or the kind of task, such as MODEL_UPDATE.", "event_type"),
            ResourceFilter("log_level", "INFO, DEBUG, WARNING, ERROR or AUDIT."),
            _SESSION,
            ResourceFilter("task_id", "The id of the task."),
            ResourceFilter("source.kind", "client or combiner."),
            ResourceFilter("source.name", "The name of the client or combiner."),
        ),
        sorted_by=("timestamp",),
        positional=("session_id", "event_type", "source_name", "source_kind"),
        kept_max=limits.kept_reports_max,
        source_kept_max=limits.kept_source_reports_max,
    ),
    ResourceDeclaration(
        name="validations",
        one="validation",
        meaning="the validations: clients' results on a model",
        columns=("timestamp", "session_id", "model_id", "client.name", "metrics", "id"),
        filters=(
            _SESSION,
            _MODEL,
            ResourceFilter("task_id", "The id of the task."),
            _CLIENT_ID,
            _CLIENT_NAME,
            _COMBINER,
        ),
        sorted_by=("timestamp",),
        positional=("session_id", "model_id", "task_id", "client_name", "combiner"),
        kept_max=limits.kept_results_max,
    ),
    ResourceDeclaration(
        name="predictions",
        one="prediction",
        meaning="the predictions: a model's results on clients' data",
        columns=("timestamp", "prediction_id", "model_id", "client.name", "result", "id"),
        filters=(
            _MODEL,
            ResourceFilter("prediction_id", "The id of the prediction session."),
            _CLIENT_ID,
            _CLIENT_NAME,
            _COMBINER,
        ),
        sorted_by=("timestamp",),
        positional=("model_id", "prediction_id", "client_name", "combiner"),
        kept_max=limits.kept_results_max,
    ),
    ResourceDeclaration(
        name="metrics",
        one="metric",
        meaning="the metrics: single numbers that clients have measured",
        columns=("timestamp", "key", "value", "model_id", "client.name", "id"),
        filters=(
            ResourceFilter("key", "The name of the number."),
            _MODEL,
            ResourceFilter("round_id", "The id of the round."),
            _SESSION,
            _CLIENT_ID,
            _CLIENT_NAME,
        ),
        sorted_by=("timestamp",),
        kept_max=limits.kept_results_max,
    ),
    ResourceDeclaration(
        name="attributes",
        one="attribute",
        meaning="the attributes of clients",
        columns=("timestamp", "key", "value", "source.name", "id"),
        filters=_REPORT,
        sorted_by=("timestamp",),
        kept_max=limits.kept_reports_max,
        source_kept_max=limits.kept_source_reports_max,
    ),
    ResourceDeclaration(
        name="telemetries",
        one="telemetry",
        meaning="the telemetries: figures that parts of the network report",
        columns=("timestamp", "key", "value", "source.name", "id"),
        filters=_REPORT,
        sorted_by=("timestamp",),
        kept_max=limits.kept_reports_max,
        source_kept_max=limits.kept_source_reports_max,
    ),
    ResourceDeclaration(
        name="users",
        one="user",
        meaning="the users: the accounts of people",
        columns=("name", "role", "is_disabled", "created_at", "created_by.name", "id"),
        filters=(
            ResourceFilter("name", "The name."),
            ResourceFilter("role", "admin, operator, scientist or viewer."),
        ),
        sorted_by=("is_disabled", "created_at"),
        unique="name",
        key="ID or name",
    ),
    ResourceDeclaration(
        name="tokens",
        one="token",
        meaning="the records of tokens",
        columns=("principal.name", "principal.kind", "use", "expires_at", "revoked_at", "id"),
        filters=(
            ResourceFilter("use", "access, enrolment or membership."),
            ResourceFilter(
                "principal.kind", "The kind of the principal: user, client or combiner."
            ),
            ResourceFilter("principal.name", "The name of the principal."),
            ResourceFilter("principal.id", "The id of the principal."),
        ),
        sorted_by=("expires",),
    ),
)


def resource_named(name: str) -> ResourceDeclaration:
    """Return the declaration of the resource of this name."""
    return next(each for each in RESOURCES if each.name == name)

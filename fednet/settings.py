"""The settings of all processes: typed, with a docstring for each field, loaded and checked once.

A flag wins over the environment (`FEDNET_<SECTION>_<FIELD>`, such as FEDNET_CONTROLLER_PORT), which
wins over the file (YAML, one section for each component). An unknown section, key or variable is an
error.

A secret setting may be in a file of its own; the setting `<field>_file` is its path, in each of these places. Fields
that `repr` leaves out are secret.
"""

from __future__ import annotations

import logging
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeVar
from urllib.parse import quote

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from fednet import limits
from fednet.addresses import bare_host, is_wildcard, split_addresses
from fednet.config_file import settings_in
from fednet.environment import (
    default_data_dir,
    opentelemetry_endpoint,
    own_variables,
    shared_variables,
)
from fednet.errors import InvalidInput
from fednet.names import NAME_PATTERN
from fednet.secret_files import with_secret_read
from fednet.tls import CallerTLS, ServerTLS, check_exposure

_log = logging.getLogger(__name__)

_URL: Final = "^https?://"
_TRACING: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _checked_addresses(text: str) -> str:
    return ",".join(split_addresses(text, "api_url"))


def _checked_host(host: str) -> str:
    try:
        return bare_host(host)
    except InvalidInput as error:
        raise ValueError(error.message) from error


def _checked_advertised(host: str) -> str:
    if is_wildcard(host):
        raise ValueError(f"nobody reaches this machine at {host!r}; give its name or its address")
    return _checked_host(host)


def _names_of(given: object) -> object:
    """Return the names of a text with commas, as flags and variables have them."""
    return (
        [each.strip() for each in given.split(",") if each.strip()]
        if isinstance(given, str)
        else given
    )


def _checked_variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an environment variable, such as DIGITS_DATA")
    if name.startswith("FEDNET_"):
        raise ValueError(f"{name} belongs to fednet, and no package gets it")
    return name


Addresses = Annotated[str, AfterValidator(_checked_addresses)]
Host = Annotated[str, AfterValidator(_checked_host)]
AdvertisedHost = Annotated[str, AfterValidator(_checked_advertised)]
Variables = Annotated[
    tuple[Annotated[str, AfterValidator(_checked_variable)], ...], BeforeValidator(_names_of)
]
SandboxWish = Literal["auto", "bwrap", "process", "none"]


class _Section(BaseModel):
    model_config = ConfigDict(
        defer_build=True,  # a process needs only its section
        frozen=True,
        extra="forbid",
        validate_default=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,  # a traceback must not show secrets
    )
    section: ClassVar[str]

    traces_endpoint: str | None = Field(default=None, pattern=_URL)
    """The address of a receiver of traces, OTLP over HTTP, such as http://collector:4318; by default
    OTEL_EXPORTER_OTLP_ENDPOINT if that can be used. It needs the extra `tracing`."""

    def __init__(self, **values: Any) -> None:
        """Check the values; wherever they come from, a refusal is an error of fednet.

        Raises:
            InvalidInput: A name is unknown or a value is invalid; the error names the field.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _refusal(type(self), error) from error

    @classmethod
    def secrets(cls) -> list[str]:
        """Return the fields that are never shown, and may be in files of their own."""
        return [name for name, field in cls.model_fields.items() if not field.repr]

    @classmethod
    def fields(cls) -> dict[str, FieldInfo]:
        """Return the settings: first those of this component, then those that it shares with others."""
        known = cls.model_fields
        return {name: known[name] for name in cls.__annotations__ if name in known} | known


class _CallerSection(_Section):
    """The settings of a process that calls servers over TLS."""

    ca: Path | None = None
    """A file with the authorities (PEM) whose servers are trusted, in place of the public ones."""

    certificate: Path | None = None
    """A file with this process's own certificate and its chain (PEM), for servers that ask for one."""

    certificate_key: Path | None = None
    """A file with the key of `certificate` (PEM), without a password."""

    @property
    def caller_tls(self) -> CallerTLS:
        """The files with which this process calls servers."""
        return CallerTLS(self.ca, self.certificate, self.certificate_key)

    @model_validator(mode="after")
    def _check_caller_files(self) -> Self:
        self.caller_tls.check()
        return self


class _ServerSection(_CallerSection):
    """The settings of a server that speaks TLS, or says why it does not."""

    host: Host
    """The address that the server listens on."""

    advertise_port: int | None = Field(default=None, ge=1, le=65535)
    """The port by which others reach this server, if a proxy before it has another one than `port`."""

    tls_certificate: Path | None = None
    """A file with the server's certificate and its chain (PEM). The server then speaks TLS, and nothing else."""

    tls_key: Path | None = None
    """A file with the key of `tls_certificate` (PEM), without a password."""

    tls_client_ca: Path | None = None
    """A file with authorities (PEM): callers must show a certificate that one of them has signed."""

    insecure: bool = False
    """Listen in clear text on other addresses than loopback: anybody between can read tokens and models."""

    behind_proxy: bool = False
    """Listen in clear text on other addresses than loopback, because a proxy before this server speaks TLS for it. A
    controller then believes the proxy's `X-Forwarded-For` and `X-Forwarded-Proto`: let nobody else reach it."""

    @property
    def server_tls(self) -> ServerTLS | None:
        """The files with which this server speaks TLS; None if it does not."""
        if self.tls_certificate is None or self.tls_key is None:
            return None
        return ServerTLS(self.tls_certificate, self.tls_key, self.tls_client_ca)

    @model_validator(mode="after")
    def _check_server(self) -> Self:
        given = {"tls_certificate": self.tls_certificate, "tls_key": self.tls_key}
        missing = [name for name, value in given.items() if value is None]
        if len(missing) == 1 or (missing and self.tls_client_ca):
            raise InvalidInput(
                f"The {self.section} speaks TLS with a certificate and its key: give {' and '.join(missing)} too.",
                field=missing[0],
            )
        check_exposure(
            self.host,
            has_tls=not missing,
            insecure=self.insecure,
            behind_proxy=self.behind_proxy,
        )
        return self


class _MonitoredSection(_Section):
    """The settings of a process whose monitoring pages have a port of their own."""

    monitoring_host: Host = "127.0.0.1"
    """The address that the monitoring pages listen on: /health/live, /health/ready and /metrics. They are plain HTTP on
    any address, and tell no secrets."""

    monitoring_port: int | None = Field(default=None, ge=0, le=65535)
    """The port of the monitoring pages; 0 picks a free one. Without it there are none."""


def check_xaynet(port: int | None, config: Path | None) -> None:
    """Refuse one of the two settings for participants of Xaynet without the other.

    Raises:
        InvalidInput: One is missing; the error names it.
    """
    given = {"xaynet_port": port, "xaynet_config": config}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == 1:
        raise InvalidInput(
            f"Participants of Xaynet need a port and a configuration: give {missing[0]} too.",
            field=missing[0],
        )


class ControllerSettings(_ServerSection):
    """The settings of a controller."""

    section: ClassVar[str] = "controller"

    name: str = Field(
        default="controller",
        max_length=limits.name_characters_max,
        pattern=NAME_PATTERN,
    )
    """The controller's name, unique in the network."""

    host: Host = "127.0.0.1"
    """The address that the REST API listens on; `0.0.0.0` or `::` for all addresses of this machine."""

    advertise_host: AdvertisedHost | None = None
    """The host by which other controllers reach this one; by default `host`, or this machine's address if `host` means
    all addresses."""

    advertise_tls: bool | None = None
    """Other controllers reach this one over TLS; by default true with `tls_certificate`."""

    port: int = Field(default=8092, ge=0, le=65535)
    """The port of the REST API; 0 picks a free one."""

    data_dir: Path = Field(default_factory=default_data_dir)
    """The folder of the signing key's copy, the admin token and the embedded stores."""

    state_store: str | None = Field(default=None, repr=False)
    """The URL of the state store; by default `sqlite:///<data_dir>/state.db`."""

    blob_store: str | None = Field(default=None, repr=False)
    """The URL of the blob store; by default `file://<data_dir>/blobs`."""

    blob_store_key: str | None = Field(default=None, repr=False)
    """The access key of an s3:// blob store whose URL has none."""

    blob_store_secret: str | None = Field(default=None, repr=False)
    """The secret key of an s3:// blob store whose URL has none."""

    signing_key: str | None = Field(default=None, repr=False)
    """The network's signing key (an Ed25519 key in PEM), for a network that has none yet; by default the first
    controller makes one. A key that was never the network's is refused."""

    threads: int = Field(default=32, ge=2, le=1000)
    """The number of REST requests that are served at the same time."""

    connections_max: int = Field(default=limits.rest_connections_max, ge=10)
    """The largest number of open REST connections; fewer if the process may open fewer files."""

    address_connections_max: int = Field(default=limits.rest_address_connections_max, ge=10)
    """The largest number of open REST connections from one address. Behind a proxy all callers have its address."""

    keep_models: int | None = Field(default=None, ge=1)
    """The number of models that are kept; the oldest others are deleted. The active model and its ancestors, pinned
    models and those of unfinished sessions stay in any case. By default all are kept."""

    keep_models_days: float | None = Field(default=None, gt=0)
    """The age in days from which models are deleted, except for those that stay in any case."""

    keep_statuses: int | None = Field(default=None, ge=1, le=limits.kept_reports_max)
    """The number of statuses that are kept; by default the largest number that the network keeps."""

    keep_statuses_days: float | None = Field(default=None, gt=0)
    """The age in days from which statuses are deleted."""

    keep_answers: int | None = Field(default=limits.kept_results_max, ge=1)
    """The number of answers of rounds that are kept; those of running rounds stay in any case."""

    keep_answers_days: float | None = Field(default=None, gt=0)
    """The age in days from which answers of rounds are deleted, except for those of running rounds."""

    keep_audit: int | None = Field(default=limits.kept_audit_entries_max, ge=1)
    """The number of entries of the audit log that are kept."""

    keep_audit_days: float | None = Field(default=None, gt=0)
    """The age in days from which entries of the audit log are deleted."""

    xaynet_port: int | None = Field(default=None, ge=0, le=65535)
    """The port for unmodified participants of Xaynet; 0 picks a free one. By default there is none. See
    docs/xaynet.md."""

    xaynet_config: Path | None = None
    """The configuration of Xaynet's rounds: a file with the sections pet, mask and model of Xaynet's own (TOML)."""

    drain_seconds: float = Field(default=limits.drain_seconds, ge=0, le=limits.drain_seconds_max)
    """The time after SIGTERM in which requests under way are finished, in seconds; a second signal ends it at once."""

    @model_validator(mode="after")
    def _check_xaynet(self) -> Self:
        check_xaynet(self.xaynet_port, self.xaynet_config)
        return self

    @property
    def announces_tls(self) -> bool:
        """True if other controllers are told to use https."""
        return (
            self.tls_certificate is not None if self.advertise_tls is None else self.advertise_tls
        )

    @property
    def state_store_url(self) -> str:
        """The state store's URL, or its default."""
        return self.state_store or f"sqlite:///{self.data_dir.absolute() / 'state.db'}"

    @property
    def blob_store_url(self) -> str:
        """The blob store's URL, or its default."""
        return _with_keys(self) or f"file://{self.data_dir.absolute() / 'blobs'}"


class CombinerSettings(_ServerSection, _MonitoredSection):
    """The settings of a combiner."""

    section: ClassVar[str] = "combiner"

    name: str = Field(min_length=1, max_length=limits.name_characters_max)
    """The combiner's name, unique in its network."""

    api_url: Addresses
    """The controller's REST address, such as http://127.0.0.1:8092; of several controllers, separated by commas."""

    token: str | None = Field(default=None, repr=False)
    """A token that may register combiners; by default the admin token of this machine."""

    host: Host = "127.0.0.1"
    """The address that the gRPC server listens on; `0.0.0.0` or `::` for all addresses of this machine."""

    port: int = Field(default=12080, ge=0, le=65535)
    """The port of the gRPC server; 0 picks a free one."""

    advertise_host: AdvertisedHost | None = None
    """The host by which clients and the controller reach the combiner; by default `host`, or this machine's address
    towards the controller if `host` means all addresses."""

    advertise_tls: bool | None = None
    """Clients and the controller reach the combiner over TLS; by default true with `tls_certificate` or
    `behind_proxy`."""

    data_dir: Path = Field(default_factory=lambda: default_data_dir() / "combiner")
    """The folder of the spool and of the combiner's credentials."""

    blob_store: str | None = Field(default=None, repr=False)
    """The URL of the blob store; by default the controller's folder, or else `controller://`."""

    blob_store_key: str | None = Field(default=None, repr=False)
    """The access key of an s3:// blob store whose URL has none."""

    blob_store_secret: str | None = Field(default=None, repr=False)
    """The secret key of an s3:// blob store whose URL has none."""

    clients_max: int = Field(default=limits.combiner_clients_max, ge=1)
    """The largest number of connected clients."""

    threads: int = Field(default=2, ge=1, le=256)
    """The number of threads that check updates, fold them and make models."""

    transfer_threads: int = Field(default=8, ge=4, le=256)
    """The number of threads that read and write files on their way to and from clients."""

    retained_bytes_max: int = Field(default=limits.retained_bytes_max, ge=0)
    """The bytes of updates that sessions with delete_models=False may leave on this combiner."""

    retained_days_max: float | None = Field(default=None, gt=0)
    """The age in days from which these updates are deleted; by default none is too old."""

    server_functions: bool = True
    """Allow users' server functions to run on this machine, in its sandbox."""

    server_functions_seconds_max: float = Field(
        default=limits.server_functions_seconds_max, gt=0, le=limits.round_seconds_max
    )
    """The time limit of one run of server functions, in seconds."""

    server_functions_memory_bytes_max: int = Field(
        default=limits.server_functions_memory_bytes_max, ge=256 * limits.MIB
    )
    """The memory limit of one run of server functions with all its processes, in bytes."""

    sandbox: SandboxWish = "auto"
    """The sandbox of server functions: `bwrap`, `process` or `none`; `auto` is `bwrap` where it works, or else
    `process`. See docs/sandbox.md."""

    drain_seconds: float = Field(default=limits.drain_seconds, ge=0, le=limits.drain_seconds_max)
    """The time after SIGTERM in which clients move to other combiners and their tasks with them, in seconds; a second
    signal ends it at once."""

    @property
    def retained_seconds_max(self) -> float | None:
        """The age up to which retained updates stay, in seconds; None for any age."""
        return None if self.retained_days_max is None else self.retained_days_max * 24 * 3600

    @property
    def announces_tls(self) -> bool:
        """True if clients and controllers are told to use TLS."""
        by_default = self.tls_certificate is not None or self.behind_proxy
        return by_default if self.advertise_tls is None else self.advertise_tls

    @property
    def blob_store_url(self) -> str | None:
        """The blob store's URL with its keys; None to use that of the controller."""
        return _with_keys(self)


def _with_keys(settings: ControllerSettings | CombinerSettings) -> str | None:
    """Return the blob store's URL with the keys from their own settings."""
    url, key, secret = settings.blob_store, settings.blob_store_key, settings.blob_store_secret
    if not (url and key and secret) or not url.startswith("s3://") or "@" in url:
        return url
    return f"s3://{quote(key, safe='')}:{quote(secret, safe='')}@{url.removeprefix('s3://')}"


class ClientSettings(_CallerSection, _MonitoredSection):
    """The settings of a client agent."""

    section: ClassVar[str] = "client"

    name: str = Field(min_length=1, max_length=limits.name_characters_max)
    """The client's name, unique in its network."""

    api_url: Addresses
    """The controller's REST address, such as http://127.0.0.1:8092; of several controllers, separated by commas."""

    token: str | None = Field(default=None, repr=False)
    """A token that may register clients, or this client's own."""

    data_dir: Path = Field(default_factory=lambda: default_data_dir() / "client")
    """The folder of packages, models and this client's credentials."""

    preferred_combiner: str | None = None
    """The name of the preferred combiner; it is used if it has room."""

    transfer: Literal["auto", "grpc", "object-store"] = "auto"
    """The way of files: `grpc` through the combiner, `object-store` directly to and from the network's object store,
    `auto` the object store if it can be reached, else the combiner."""

    policy: Literal["pinned", "signed", "any"] = "pinned"
    """The packages and settings that run here: `pinned`, those that this site's owner has approved (`fednet client
    approve`); `signed`, also packages that a trusted key has signed; `any`, all that the network sends."""

    trusted_keys: Path | None = None
    """A file or folder with the Ed25519 public keys (PEM) of those whose packages run under the policy `signed`."""

    known_clients: Path | None = None
    """A file with the only clients whose identities are trusted in secure aggregation, one `client-id base64-key` a
    line, as `fednet client identity` prints it; by default each client is trusted on first use."""

    task_seconds_max: float = Field(default=24 * 3600.0, gt=0)
    """The time limit of one task of a package, in seconds."""

    sandbox: SandboxWish = "auto"
    """The sandbox of packages: `bwrap`, `process` or `none`; `auto` is `bwrap` where it works, or else `process`.
    See docs/sandbox.md."""

    data_folder: Path | None = None
    """The folder, or the file, of the site's data. Packages may only read it, and FEDNET_DATA_FOLDER is its path."""

    pass_environment: Variables = ()
    """The names of environment variables that packages get beside the usual ones, separated by commas."""

    task_memory_bytes_max: int | None = Field(default=None, ge=64 * limits.MIB)
    """The memory limit of a package's task with all its processes, in bytes; by default that of the machine."""

    task_processes_max: int | None = Field(default=limits.task_processes_max, ge=1)
    """The largest number of threads of a package's task in all its processes."""

    task_disk_bytes_max: int | None = Field(default=limits.task_disk_bytes_max, ge=limits.MIB)
    """The largest size of the files of a package and its task, in bytes."""

    task_cpu_seconds_max: float | None = Field(default=None, gt=0)
    """The processor time of a package's task in all its processes, in seconds; by default without a limit."""

    report: Literal["full", "summary", "none"] = "full"
    """The part of a failure that leaves this site: `full` has the traceback and the output, `summary` is one sentence
    with the kind of the error, and `none` says only that the task failed. The agent's own log has all of it."""

    drain_seconds: float = Field(default=limits.drain_seconds, ge=0, le=limits.drain_seconds_max)
    """The time after SIGTERM in which the running task is finished and its answer delivered, in seconds; a second
    signal ends it at once."""


Settings = TypeVar("Settings", bound=_Section)
_SECTIONS: Final = tuple(
    kind.section for kind in (ControllerSettings, CombinerSettings, ClientSettings)
)


def load(
    kind: type[Settings], *, file: Path | None = None, flags: dict[str, Any] | None = None
) -> Settings:
    """Load the settings of one component from file, environment and flags; the later ones win.

    Args:
        kind: The settings class.
        file: A YAML file with the component's section, such as `controller:`.
        flags: The values from the command line; None values count as missing.

    Raises:
        InvalidInput: A key is unknown or a value is invalid; the error names the field.
    """
    values: dict[str, Any] = {}
    for source in (
        settings_in(file, kind.section, _SECTIONS) if file else {},
        _from_shared_variables(kind),
        own_variables(variable(kind, "")),
        {name: value for name, value in (flags or {}).items() if value is not None},
    ):
        values |= _with_secrets_read(kind, source)
    if values.get("traces_endpoint") is None:
        values |= _from_opentelemetry()
    return kind(**values)


def variable(kind: type[_Section], field: str) -> str:
    """Return the environment variable of a setting, such as FEDNET_CONTROLLER_PORT."""
    return f"FEDNET_{kind.section}_{field}".upper()


def _from_shared_variables(kind: type[_Section]) -> dict[str, Any]:
    known = {*kind.model_fields, *(f"{name}_file" for name in kind.secrets())}
    return {field: value for field, value in shared_variables().items() if field in known}


def _from_opentelemetry() -> dict[str, Any]:
    """Return the receiver of traces that a variable of OpenTelemetry names, perhaps for other programs.

    One that cannot be used is left out, and a warning tells of it.
    """
    endpoint = opentelemetry_endpoint()
    if endpoint is None:
        return {}
    if not re.match(_URL, endpoint):
        reason = "it is no address of OTLP over HTTP, such as http://collector:4318"
    elif not all(map(_is_installed, _TRACING)):
        reason = "OpenTelemetry is not installed; pip install 'fednet[tracing]' does that"
    else:
        return {"traces_endpoint": endpoint}
    _log.warning("no traces are sent to OTEL_EXPORTER_OTLP_ENDPOINT: %s", reason)
    return {}


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # that of a package above it
        return False


def _with_secrets_read(kind: type[_Section], values: dict[str, Any]) -> dict[str, Any]:
    for field in kind.secrets():
        values = with_secret_read(values, field)
    return values


def _refusal(kind: type[_Section], error: ValidationError) -> InvalidInput:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or kind.section
    if first["type"] == "extra_forbidden":
        known = [*kind.model_fields, *(f"{name}_file" for name in kind.secrets())]
        advice = (
            f"is unknown: correct or remove it in the config file or in {variable(kind, field)}. "
            f"The settings are {', '.join(known)}."
        )
    else:
        flag = f"--{field.replace('_', '-')}"
        places = f"by {flag}, by {variable(kind, field)} or in the config file"
        advice = f"is wrong: {first['msg']}. Set it {places}."
    return InvalidInput(f"The {kind.section}'s setting {field!r} {advice}", field=field)

"""A network of processes on this machine, for `fednet up` and `fednet demo`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fednet.cli._child import Program, fednet_server
from fednet.environment import environment_without_settings
from fednet.identity import write_local_network
from fednet.storage import is_server
from fednet.tls import CallerTLS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fednet.certificates import Certificates
    from fednet.cli._component import Component
    from fednet.cli._supervisor import Supervisor


@dataclass(frozen=True)
class NetworkPlan:
    """The settings of a network to start.

    Attributes:
        data_dir: The folder of all its data.
        host: The address on which all servers listen.
        advertise_host: The host by which others reach them; by default `host`, or this machine's address.
        port: The port of the first controller's REST API, the others follow; 0 picks free ones.
        controllers: The number of controllers.
        combiner_port: The port of the first combiner, the others follow; 0 picks free ones.
        combiners: The number of combiners.
        state_store: The URL of the state store; by default SQLite in the data folder.
        state_store_file: A file with the URL of the state store.
        blob_store: The URL of the blob store; by default a folder in the data folder.
        blob_store_file: A file with the URL of the blob store.
        insecure: Listen in clear text on whatever address.
        behind_proxy: A proxy before the network speaks TLS for it.
        certificates: The certificates of all servers; None for clear text.
        ca: A file with the authorities that all servers trust; None for the public ones.

        xaynet_port: The first controller's port for participants of Xaynet, the others follow; 0 picks free ones.
        xaynet_config: The configuration of their rounds.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    advertise_host: str | None = None
    port: int = 0
    controllers: int = 1
    combiner_port: int = 0
    combiners: int = 1
    state_store: str | None = field(default=None, repr=False)
    state_store_file: Path | None = None
    blob_store: str | None = field(default=None, repr=False)
    blob_store_file: Path | None = None
    insecure: bool = False
    behind_proxy: bool = False
    certificates: Certificates | None = None
    ca: Path | None = None

    xaynet_port: int | None = None
    xaynet_config: Path | None = None


@dataclass(frozen=True)
class Controllers:
    """The running controllers of a network.

    Attributes:
        api_urls: Their REST addresses.
        token: The admin token.
        xaynet_urls: Their addresses for participants of Xaynet; empty if they have none.
    """

    api_urls: tuple[str, ...]
    token: str = field(repr=False)
    xaynet_urls: tuple[str, ...] = ()

    @property
    def api_url(self) -> str:
        """All addresses, separated by commas."""
        return ",".join(self.api_urls)

    def introduce_to(self, component: Component) -> None:
        """Tell a component the addresses at which it registers."""
        component.tell({"api_url": self.api_url, "token": self.token})

    def leave_word(self, plan: NetworkPlan) -> None:
        """Write all addresses into the file of local networks; a controller writes only its own.

        Raises:
            FailedPrecondition: The data folder cannot be written.
        """
        ca = plan.certificates.ca if plan.certificates else None
        write_local_network(plan.data_dir, self.api_url, self.token, CallerTLS(ca))


def start_controllers(processes: Supervisor, plan: NetworkPlan) -> list[Component]:
    """Start all controllers at once, on one data folder and the same stores."""
    if plan.controllers == 1:
        return [_start_controller(processes, plan, "controller", 0)]
    return [
        _start_controller(processes, plan, f"controller-{number + 1}", number)
        for number in range(plan.controllers)
    ]


def ready_controllers(processes: Supervisor, starting: Sequence[Component]) -> Controllers:
    """Wait until all controllers answer.

    Raises:
        FednetError: A controller has died, or took too long.
    """
    announced = [processes.ready(each) for each in starting]
    return Controllers(
        tuple(each["api_url"] for each in announced),
        announced[0]["token"],
        tuple(each["xaynet_url"] for each in announced if "xaynet_url" in each),
    )


def _start_controller(
    processes: Supervisor, plan: NetworkPlan, name: str, number: int
) -> Component:
    def command(port: int, xaynet_port: int | None) -> Sequence[str]:
        return fednet_server(
            *("controller", "start", "--name", name, "--port", str(port), *_hosts(plan)),
            *("--data-dir", str(plan.data_dir), *_xaynet(plan, xaynet_port)),
        )

    def again(ready: dict[str, Any]) -> Sequence[str]:
        xaynet_url = ready.get("xaynet_url")
        return command(_port_of(ready["api_url"]), _port_of(xaynet_url) if xaynet_url else None)

    return processes.start(
        Program(
            name=name,
            command=command(
                _later_port(plan.port, number) or 0, _later_port(plan.xaynet_port, number)
            ),
            environment=_environment(_stores(plan) | _tls("CONTROLLER", plan)),
            again=again,
        )
    )


def _hosts(plan: NetworkPlan) -> list[str]:
    """Return a server's flags for the hosts on which it listens and is reached."""
    advertised = ["--advertise-host", plan.advertise_host] if plan.advertise_host else []
    exposed = ["--insecure"] * plan.insecure + ["--behind-proxy"] * plan.behind_proxy
    return ["--host", plan.host, *advertised, *exposed]


def _later_port(first: int | None, number: int) -> int | None:
    """Return the port that follows a first one; 0 and None stay."""
    return first and first + number


def _xaynet(plan: NetworkPlan, port: int | None) -> list[str]:
    """Return a controller's flags for participants of Xaynet."""
    ports = [] if port is None else ["--xaynet-port", str(port)]
    configs = ["--xaynet-config", str(plan.xaynet_config)] if plan.xaynet_config else []
    return ports + configs


def _port_of(address: str) -> int:
    """Return the port of a URL, or of `host:port`."""
    return int(urlsplit(address if "://" in address else f"//{address}").port or 0)


def _stores(plan: NetworkPlan) -> dict[str, str]:
    """Return a controller's variables for its stores."""
    given = {
        "STATE_STORE": plan.state_store,
        "STATE_STORE_FILE": plan.state_store_file,
        "BLOB_STORE": plan.blob_store,
        "BLOB_STORE_FILE": plan.blob_store_file,
    }
    return {f"FEDNET_CONTROLLER_{name}": str(value) for name, value in given.items() if value}


def _tls(component: str, plan: NetworkPlan) -> dict[str, str]:
    """Return a server's variables for TLS, as a caller and as a server."""
    own = plan.certificates
    given = {
        "FEDNET_CA": plan.ca,
        f"FEDNET_{component}_TLS_CERTIFICATE": own and own.certificate,
        f"FEDNET_{component}_TLS_KEY": own and own.key,
    }
    return {name: str(path) for name, path in given.items() if path}


def start_combiners(processes: Supervisor, plan: NetworkPlan) -> list[Component]:
    """Start all combiners at once; they wait for the addresses of the controllers."""
    return [_start_combiner(processes, plan, number) for number in range(1, plan.combiners + 1)]


def _start_combiner(processes: Supervisor, plan: NetworkPlan, number: int) -> Component:
    name = f"combiner-{number}"

    def command(port: int) -> Sequence[str]:
        return fednet_server(
            *("combiner", "start", "--name", name, "--settings-from-parent"),
            *("--port", str(port), *_hosts(plan)),
            *("--data-dir", str(plan.data_dir / "combiners" / name)),
        )

    return processes.start(
        Program(
            name=name,
            command=command(plan.combiner_port + number - 1 if plan.combiner_port else 0),
            environment=_environment(_blob_store(plan) | _tls("COMBINER", plan)),
            again=lambda ready: command(_port_of(ready["address"])),
        )
    )


def _blob_store(plan: NetworkPlan) -> dict[str, str]:
    """Return a combiner's variable for the blob store; none for a folder, which it finds by itself."""
    if plan.blob_store_file:
        return {"FEDNET_COMBINER_BLOB_STORE_FILE": str(plan.blob_store_file)}
    if plan.blob_store and is_server(plan.blob_store):
        return {"FEDNET_COMBINER_BLOB_STORE": plan.blob_store}
    return {}


def start_client(
    processes: Supervisor,
    name: str,
    data_dir: Path,
    data: Path,
    variables: dict[str, str],
) -> Component:
    """Start an agent in package mode; it waits for the addresses of the controllers.

    Args:
        processes: The supervisor of the agent.
        name: The client's name.
        data_dir: The client's own folder.
        data: The folder of the data that its package may read.
        variables: Variables for the environment of its package.
    """
    command = fednet_server(
        *("client", "start", "--name", name, "--settings-from-parent", "--data-dir", str(data_dir)),
        *("--policy", "any", "--data-folder", str(data)),
        *("--pass-environment", ",".join(variables)),
    )
    return processes.start(Program(name, command, environment_without_settings() | variables))


def _environment(variables: dict[str, str]) -> dict[str, str]:
    """Return this process's environment without settings of other networks, and with the secrets of this one.

    URLs with passwords go into the environment, because the list of processes shows every command line.
    """
    return environment_without_settings() | variables

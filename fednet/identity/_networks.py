"""The networks that a user has named, and which one is spoken to where nothing else is said.

They lie in the user's own `networks.json` (mode 0600, as it holds tokens):
`{"in_use": "lab", "networks": {"lab": {"api_url": …, "token": …, "ca": …}}}`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fednet import environment
from fednet.addresses import is_part_of
from fednet.errors import AlreadyExists, FailedPrecondition, InvalidInput, NotFound
from fednet.identity import _private_files
from fednet.identity._caller_files import tls_from_json, tls_to_json
from fednet.identity._local import read_local_network
from fednet.tls import PUBLIC_CA, CallerTLS

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class NamedNetwork:
    """A network that a user has named.

    Attributes:
        name: What the user calls it.
        api_url: Its controllers' REST addresses, separated by commas.
        token: Who the user is there.
        tls: The files of a caller there.
    """

    name: str
    api_url: str
    token: str = field(repr=False)
    tls: CallerTLS = PUBLIC_CA


@dataclass(frozen=True)
class NamedNetworks:
    """All networks that a user has named.

    Attributes:
        networks: In the order in which they were added.
        in_use: The name of the one that is spoken to; None for the controller of this machine.
    """

    networks: tuple[NamedNetwork, ...] = ()
    in_use: str | None = None

    def get(self, name: str) -> NamedNetwork:
        """Return the network of this name.

        Raises:
            NotFound: There is none.
        """
        for network in self.networks:
            if network.name == name:
                return network
        raise NotFound(
            f"There is no network {name!r}: `fednet network list` shows them.", field="name"
        )

    def added(self, network: NamedNetwork) -> NamedNetworks:
        """These and one more.

        Raises:
            AlreadyExists: The name is taken.
        """
        if any(known.name == network.name for known in self.networks):
            raise AlreadyExists(
                f"There is a network {network.name!r} already: choose another name, or remove it.",
                field="name",
            )
        return replace(self, networks=(*self.networks, network))

    def removed(self, name: str) -> NamedNetworks:
        """These without one; if that was in use, none is.

        Raises:
            NotFound: There is none of this name.
        """
        gone = self.get(name)
        kept = tuple(network for network in self.networks if network is not gone)
        return NamedNetworks(kept, None if self.in_use == name else self.in_use)

    def used(self, name: str | None) -> NamedNetworks:
        """These with another one in use, or none.

        Raises:
            NotFound: There is none of this name.
        """
        return replace(self, in_use=None if name is None else self.get(name).name)


def read_named_networks() -> NamedNetworks:
    """Return the user's networks; none where there is no file.

    Raises:
        FailedPrecondition: The file cannot be read, or is not what it must be.
    """
    path = environment.networks_file()
    try:
        return _from_json(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return NamedNetworks()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, NotFound) as error:
        raise FailedPrecondition(
            f"{path} is not a list of networks: repair or delete it ({error})."
        ) from error


def write_named_networks(named: NamedNetworks) -> None:
    """Keep the user's networks.

    Raises:
        FailedPrecondition: The file cannot be written.
    """
    path = environment.networks_file()
    try:
        _private_files.replace(path, json.dumps(_to_json(named), indent=2) + "\n")
    except FailedPrecondition as error:
        raise FailedPrecondition(
            f"{path} cannot be written: give this user the right to, or set XDG_CONFIG_HOME."
        ) from error


def find_network(api_url: str | None = None, token: str | None = None) -> tuple[str, str | None]:
    """Return which network to speak to, and as whom.

    What is given wins over FEDNET_URL and FEDNET_TOKEN, those win over the network in use, and that
    wins over the controller of this machine. A token is only ever found together with its network:
    a list with an address that none of these knows goes without.

    Args:
        api_url: The controllers' REST addresses, separated by commas, if they were given.
        token: The token, if it was given.

    Returns:
        The addresses and the token; None where none is known for them.

    Raises:
        InvalidInput: There is neither an address nor a network to be found.
        FailedPrecondition: The user's file of networks is broken.
    """
    api_url = api_url or environment.api_url_from_environment()
    token = token or environment.token_from_environment()
    if api_url and token:
        return api_url, token
    for known_url, known_token in _known_networks():
        if api_url is None or is_part_of(api_url, known_url):
            return api_url or known_url, token or known_token
    if api_url is None:
        raise InvalidInput(
            "There is no controller on this machine. Say where it is: "
            "APIClient(host, port, token=…), --url and --token, FEDNET_URL and FEDNET_TOKEN, or "
            "`fednet network add` and `fednet network use`.",
            field="host",
        )
    return api_url, token


def find_tls(api_url: str, given: CallerTLS = PUBLIC_CA) -> CallerTLS:
    """Return the files of a caller of a network, from what was given, then the environment, then what is known of it.

    The authorities are from the first of these that has some; the certificate and its key from the first that has
    either of them.

    Args:
        api_url: The controllers' REST addresses, separated by commas.
        given: The files that were given.

    Raises:
        FailedPrecondition: The user's file of networks is broken.
    """
    found = [given, environment.tls_from_environment()]
    if api_url.startswith("https://"):
        found += _known_tls(api_url)
    ca = next((each.ca for each in found if each.ca), None)
    own = next((each for each in found if each.certificate or each.key), PUBLIC_CA)
    return CallerTLS(ca, own.certificate, own.key)


def _known_tls(api_url: str) -> list[CallerTLS]:
    """Return the files for the networks that have all these addresses, the one in use first."""
    named = read_named_networks()
    in_use_first = sorted(named.networks, key=lambda each: each.name != named.in_use)
    found = [each.tls for each in in_use_first if is_part_of(api_url, each.api_url)]
    local = read_local_network(environment.default_data_dir())
    if local and is_part_of(api_url, local.api_url):
        found.append(local.tls)
    return found


def _known_networks() -> Iterator[tuple[str, str]]:
    """Address and token of the network in use, then of this machine's controller."""
    named = read_named_networks()
    if named.in_use is not None:
        network = named.get(named.in_use)
        yield network.api_url, network.token
    if local := read_local_network(environment.default_data_dir()):
        yield local.api_url, local.token


def _from_json(content: Any) -> NamedNetworks:
    networks = tuple(
        NamedNetwork(name, str(each["api_url"]), str(each["token"]), tls_from_json(each))
        for name, each in content["networks"].items()
    )
    return NamedNetworks(networks).used(content["in_use"])


def _to_json(named: NamedNetworks) -> dict[str, Any]:
    return {
        "in_use": named.in_use,
        "networks": {
            network.name: {
                "api_url": network.api_url,
                "token": network.token,
                **tls_to_json(network.tls),
            }
            for network in named.networks
        },
    }

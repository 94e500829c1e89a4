"""The token of a login, kept where later commands find it: with a named network, or with this machine's controller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fednet import environment
from fednet.addresses import is_part_of, split_addresses
from fednet.errors import FailedPrecondition, InvalidInput
from fednet.identity._local import local_network_file, read_local_network, write_local_network
from fednet.identity._networks import (
    NamedNetwork,
    NamedNetworks,
    find_network,
    read_named_networks,
    write_named_networks,
)
from fednet.tls import PUBLIC_CA, CallerTLS

if TYPE_CHECKING:
    from pathlib import Path


def address_to_log_in(api_url: str | None, name: str | None) -> str:
    """Return the addresses of the network that a user logs in to.

    Args:
        api_url: The addresses, if they were given; by default FEDNET_URL.
        name: The name under which the token will be kept, if one was given.

    Raises:
        InvalidInput: No network is known, or there is no place for a token of this one: give a name.
    """
    api_url = api_url or environment.api_url_from_environment()
    if api_url is None and name is not None:
        return read_named_networks().get(name).api_url
    found = ",".join(split_addresses(api_url, "url")) if api_url else find_network()[0]
    if name is None and _name_of(read_named_networks(), found) is None and not _is_local(found):
        raise InvalidInput(
            f"No network with the address {found} has a name: give it one with --network NAME.",
            field="network",
        )
    return found


def keep_token(
    api_url: str, token: str, name: str | None = None, tls: CallerTLS = PUBLIC_CA
) -> Path:
    """Keep a token for later commands, in a file that only this user can read.

    Args:
        api_url: The addresses of its network.
        token: The token.
        name: The name of the network, which is added if it is new, and used from now on; by default the one that has
            these addresses, or else this machine's controller.
        tls: The files of a caller there, kept with the token.

    Returns:
        The file.

    Raises:
        FailedPrecondition: The file cannot be written, or there is no place for the token.
    """
    named = read_named_networks()
    known = name or _name_of(named, api_url)
    if known is not None:
        kept = _with(named, NamedNetwork(known, api_url, token, tls))
        write_named_networks(kept.used(known) if name else kept)
        return environment.networks_file()
    if not _is_local(api_url):
        raise FailedPrecondition(
            f"There is no place for a token of {api_url}: give --network NAME."
        )
    data_dir = environment.default_data_dir()
    write_local_network(data_dir, api_url, token, tls)
    return local_network_file(data_dir)


def _with(named: NamedNetworks, network: NamedNetwork) -> NamedNetworks:
    """Return the networks with one replaced or added."""
    others = [each for each in named.networks if each.name != network.name]
    if len(others) == len(named.networks):
        return named.added(network)
    networks = tuple(network if each.name == network.name else each for each in named.networks)
    return replace(named, networks=networks)


def _name_of(named: NamedNetworks, api_url: str) -> str | None:
    """Return the name of the network that has an address; first the one in use."""
    in_use_first = sorted(named.networks, key=lambda each: each.name != named.in_use)
    matching = (each.name for each in in_use_first if is_part_of(api_url, each.api_url))
    return next(matching, None)


def _is_local(api_url: str) -> bool:
    local = read_local_network(environment.default_data_dir())
    return local is not None and is_part_of(api_url, local.api_url)

"""The HTTP proxies that the environment names, for connections of this process.

Loopback is never reached through a proxy, whatever the environment says. Other hosts are, unless `no_proxy` has them.
REST and the URLs of an object store follow http_proxy, https_proxy, all_proxy and no_proxy, as `requests` does. gRPC
follows grpc_proxy, https_proxy, http_proxy, no_grpc_proxy and no_proxy. Controllers reach each other, and their stores,
without a proxy.

`requests` is never told of hosts without a proxy by its option `no_proxy`: it would write it into the environment of
the process for a moment, where other threads read it, or start a program with it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

from fednet import environment
from fednet.addresses import host_of, is_loopback


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the variable that names it.

    Attributes:
        variable: The name of the variable.
        url: The proxy's address, without user and password.
    """

    variable: str
    url: str

    def __str__(self) -> str:
        return (
            f"This goes through the proxy {self.url} that the variable {self.variable} names; add the host to no_proxy "
            "if it needs none."
        )


def proxies_of(url: str) -> dict[str, str] | None:
    """Return the option `proxies` of `requests` for a URL; None leaves the choice to the environment."""
    return {"http": "", "https": ""} if is_loopback(host_of(url)) else None


def http_proxy_of(url: str) -> Proxy | None:
    """Return the proxy through which `requests` reaches a URL; None for a direct connection."""
    scheme, _, place = url.partition("://")
    place = place.partition("/")[0]
    return _proxy_of(place, (f"{scheme.lower()}_proxy", "all_proxy"), environment.no_proxy())


def grpc_proxy_of(address: str) -> Proxy | None:
    """Return the proxy through which gRPC reaches `host:port`; None for a direct connection."""
    names = ("grpc_proxy", "https_proxy", "http_proxy")
    return _proxy_of(address, names, environment.no_proxy("no_grpc_proxy"))


def _proxy_of(address: str, variables: tuple[str, ...], no_proxy: str) -> Proxy | None:
    found, host = environment.proxy_variable(*variables), host_of(address)
    if found is None or is_loopback(host) or _leaves_out(no_proxy, address, host):
        return None
    variable, proxy = found
    return Proxy(variable, _without_password(proxy))


def _leaves_out(no_proxy: str, address: str, host: str) -> bool:
    """Return True if a list of names, of their endings and of networks like 10.0.0.0/8 has this host."""
    if proxy_bypass_environment(address, {"no": no_proxy}):
        return True
    return any(_is_in_network(host, entry.strip()) for entry in no_proxy.split(","))


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:  # one of the two is a name
        return False


def _without_password(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"

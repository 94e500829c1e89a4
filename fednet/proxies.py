"""The HTTP proxies that the environment names, for connections of this process.

Loopback is never reached through a proxy, whatever the environment says. Other hosts are, unless `no_proxy` has them.
REST and the URLs of an object store follow http_proxy, https_proxy, all_proxy and no_proxy, as `requests` does. gRPC
follows grpc_proxy, https_proxy, http_proxy, no_grpc_proxy and no_proxy. Controllers reach each other, and their stores,
without a proxy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fednet import settings
from fednet.addresses import host_of, is_loopback

_DIRECT: Final = {"no_proxy": "*"}


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
    return _DIRECT if is_loopback(host_of(url)) else None


def http_proxy_of(url: str) -> Proxy | None:
    """Return the proxy through which `requests` reaches a URL; None for a direct connection."""
    scheme = url.partition("://")[0].lower()
    return _proxy_of(url, (f"{scheme}_proxy", "all_proxy"), settings.no_proxy())


def grpc_proxy_of(address: str) -> Proxy | None:
    """Return the proxy through which gRPC reaches `host:port`; None for a direct connection."""
    names = ("grpc_proxy", "https_proxy", "http_proxy")
    return _proxy_of(f"http://{address}", names, settings.no_proxy("no_grpc_proxy"))


def _proxy_of(url: str, variables: tuple[str, ...], no_proxy: str) -> Proxy | None:
    found = settings.proxy_variable(*variables)
    if found is None or is_loopback(host_of(url)):
        return None
    from requests.utils import should_bypass_proxies

    if no_proxy and should_bypass_proxies(url, no_proxy=no_proxy):
        return None
    variable, proxy = found
    return Proxy(variable, _without_password(proxy))


def _without_password(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"

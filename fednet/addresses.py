"""Addresses: hosts, `host:port`, and lists of controllers' addresses, separated by commas.

A host is a name or an IP address. An IPv6 address is in brackets where a port or a path may follow (RFC 3986, section
3.2.2), and without brackets where sockets take it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from fednet import limits
from fednet.errors import InvalidInput

_HOST: Final = re.compile(r"[^\s/@:?#,\[\]]+")
_HOST_AND_PORT: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^\[\]:]*):(?P<port>\d{1,5})")


# Hosts


def bare_host(host: str, field: str = "host") -> str:
    """Return a host without brackets, as sockets take it.

    Args:
        host: A name or an IP address; an IPv6 address with or without brackets.
        field: The name of the setting or argument that holds it, for the error.

    Raises:
        InvalidInput: It is neither a name nor an IP address, such as one with a scheme or a port.
    """
    is_bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if is_bracketed else host
    if not (_ip_of(bare) or (not is_bracketed and _HOST.fullmatch(bare))):
        raise InvalidInput(
            f"Invalid host {host!r}: give a name or an IP address such as 10.0.0.7 or 2001:db8::7, without a scheme "
            "and without a port.",
            field=field,
        )
    return bare


def url_host(host: str) -> str:
    """Return a host as it stands before a port: an IPv6 address in brackets."""
    bare = _without_brackets(host)
    return f"[{bare}]" if ":" in bare else bare


def is_wildcard(host: str) -> bool:
    """Return True for an address that means all of a machine's addresses, such as 0.0.0.0 or ::."""
    found = _ip_of(_without_brackets(host))
    return found is not None and found.is_unspecified


def is_loopback(host: str) -> bool:
    """Return True for the names and addresses by which a machine reaches only itself; wildcards are among them."""
    bare = _without_brackets(host).rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    found = _ip_of(bare)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found is not None and (found.is_loopback or found.is_unspecified)


def plain_ip(text: str) -> str:
    """Return an IP address as people know it: an IPv4 address that a socket shows as IPv6 becomes IPv4 again."""
    found = _ip_of(text)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped) if mapped else text


def loopback_of(host: str) -> str:
    """Return a host by which this machine reaches a server that listens on `host`: loopback for a wildcard."""
    if not is_wildcard(host):
        return host
    return "::1" if ":" in host else "127.0.0.1"


# Hosts with ports


def local_url(host: str, port: int, *, tls: bool) -> str:
    """Return the URL by which this machine reaches an HTTP server that listens on a host and a port."""
    return f"{'https' if tls else 'http'}://{join_address(loopback_of(host), port)}"


def join_address(host: str, port: int) -> str:
    """Return `host:port`."""
    return f"{url_host(host)}:{port}"


def split_address(address: str, field: str = "address") -> tuple[str, int]:
    """Return the host, without brackets, and the port of `host:port`.

    Args:
        address: The address; an IPv6 address in brackets.
        field: The name of the setting or argument that holds it, for the error.

    Raises:
        InvalidInput: It is not `host:port`.
    """
    match = _HOST_AND_PORT.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 2**16:
        raise InvalidInput(
            f"The address {address!r} must be host:port, such as 10.0.0.7:12080 or [2001:db8::7]:12080.",
            field=field,
        )
    return bare_host(match["host"], field), int(match["port"])


def host_of(address: str) -> str:
    """Return the host of a URL or of `host:port`, without brackets; "" if there is none."""
    try:
        return urlsplit(address if "://" in address else f"//{address}").hostname or ""
    except ValueError:
        return ""


# Lists


def split_addresses(text: str, field: str = "host") -> tuple[str, ...]:
    """Return the addresses of a list, each once, in their order and without slashes at the end.

    Args:
        text: One or several addresses, separated by commas, such as "http://a:8092, http://[2001:db8::1]:8092".
        field: The name of the setting or argument that holds it, for the error.

    Raises:
        InvalidInput: There is no address, an empty one, an IPv6 address without brackets before its port, or more
            than `limits.addresses_max` addresses.
    """
    addresses = [part.strip().rstrip("/") for part in text.split(",")]
    if not all(addresses):
        raise InvalidInput(
            f"The list of addresses {text!r} has an empty address: separate addresses by single commas.",
            field=field,
        )
    if len(addresses) > limits.addresses_max:
        raise InvalidInput(
            f"The list has {len(addresses)} addresses: give at most {limits.addresses_max}.",
            field=field,
        )
    for address in addresses:
        _check_brackets(address, field)
    return tuple(dict.fromkeys(addresses))


def is_part_of(some: str, known: str) -> bool:
    """Return True if another list has each address of this list."""
    return set(split_addresses(some)) <= set(split_addresses(known))


def _check_brackets(url: str, field: str) -> None:
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2]
    if host.count(":") > 1 and not host.startswith("["):
        raise InvalidInput(
            f"The address {url!r} has an IPv6 address without brackets: write it as http://[2001:db8::7]:8092.",
            field=field,
        )


def _without_brackets(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")


def _ip_of(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None

"""Hosts, addresses, and lists of addresses."""

import pytest

from fednet import limits
from fednet.addresses import (
    bare_host,
    host_of,
    is_loopback,
    is_part_of,
    is_wildcard,
    join_address,
    loopback_of,
    plain_ip,
    split_address,
    split_addresses,
    url_host,
)
from fednet.errors import InvalidInput


def test_addresses_are_separated_by_commas():
    """Spaces around them and slashes at their end do not count, nor does what stands there twice."""
    assert split_addresses("http://a/") == ("http://a",)
    assert split_addresses(" http://b:1 ,http://a,http://b:1/") == ("http://b:1", "http://a")


@pytest.mark.parametrize("text", ["", " ", ",", "http://a,", "http://a,,http://b", "/"])
def test_an_empty_address_is_refused(text):
    """The error names the setting."""
    with pytest.raises(InvalidInput, match="empty") as caught:
        split_addresses(text, "api_url")

    assert caught.value.field == "api_url"


def test_the_number_of_addresses_has_a_bound():
    """One more than that is refused, with the number."""
    addresses = [f"http://a{number}" for number in range(limits.addresses_max + 1)]

    assert len(split_addresses(",".join(addresses[1:]))) == limits.addresses_max
    with pytest.raises(InvalidInput, match=str(len(addresses))):
        split_addresses(",".join(addresses))


@pytest.mark.parametrize(
    ("some", "is_part"),
    [("b/", True), ("b,a", True), ("a", True), ("c", False), ("a,c", False)],
)
def test_a_list_is_part_of_another_if_each_of_its_addresses_is(some, is_part):
    """In any order."""
    assert is_part_of(some, "a,b") is is_part


@pytest.mark.parametrize(
    ("host", "bare", "in_urls"),
    [
        ("localhost", "localhost", "localhost"),
        ("10.0.0.7", "10.0.0.7", "10.0.0.7"),
        ("::1", "::1", "[::1]"),
        ("[::1]", "::1", "[::1]"),
        ("[2001:db8::7]", "2001:db8::7", "[2001:db8::7]"),
        ("fe80::1%eth0", "fe80::1%eth0", "[fe80::1%eth0]"),
    ],
)
def test_ipv6_is_in_brackets_only_before_a_port(host, bare, in_urls):
    """Settings take both forms; names and IPv4 stay as they are."""
    assert bare_host(host) == bare
    assert url_host(host) == url_host(bare) == in_urls
    assert join_address(host, 80) == f"{in_urls}:80"
    assert split_address(f"{in_urls}:80") == (bare, 80)


@pytest.mark.parametrize(
    "host", ["", "a:1", "[a]", "http://a", "a/b", "a b", "::1:x", "[::1", "::1]", "[::1]:1", "a,b"]
)
def test_a_host_has_neither_scheme_nor_port(host):
    """The error names the setting and the value."""
    with pytest.raises(InvalidInput, match="without a scheme") as caught:
        bare_host(host, "advertise_host")

    assert caught.value.field == "advertise_host"
    assert repr(host) in caught.value.message


@pytest.mark.parametrize(
    "address", ["", "a", "a:", ":1", "a:0", "a:65536", "http://a:1", "::1:80", "[::1]", "[x]:1"]
)
def test_an_address_is_a_host_and_a_port(address):
    """An IPv6 address needs brackets, because its last part would pass for a port."""
    with pytest.raises(InvalidInput, match=r"host:port|without a scheme"):
        split_address(address)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "0:0:0:0:0:0:0:0"])
def test_a_wildcard_is_loopback_for_the_machine_itself(host):
    """Nobody else reaches a server under such an address."""
    assert is_wildcard(host)
    assert is_loopback(host)
    assert loopback_of(host) in {"127.0.0.1", "::1"}
    assert (":" in loopback_of(host)) == (":" in host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "127.0.0.1",
        "127.1.2.3",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
    ],
)
def test_loopback_has_many_spellings(host):
    """They stay what they are as the address of a server."""
    assert is_loopback(host)
    assert not is_wildcard(host)
    assert loopback_of(host) == host


@pytest.mark.parametrize(
    "host", ["", "10.0.0.7", "localhost.example", "127.example", "2001:db8::1"]
)
def test_other_hosts_are_not_loopback(host):
    """Also those whose names begin like it."""
    assert not is_loopback(host)
    assert not is_wildcard(host)


def test_an_ipv4_caller_of_an_ipv6_socket_is_shown_as_ipv4():
    """Such a socket shows it as `::ffff:10.0.0.7`."""
    assert plain_ip("::ffff:10.0.0.7") == "10.0.0.7"
    assert [plain_ip(each) for each in ("10.0.0.7", "2001:db8::7", "")] == [
        "10.0.0.7",
        "2001:db8::7",
        "",
    ]


def test_the_host_of_a_url_or_an_address_is_found():
    """Without brackets, port and path."""
    assert host_of("http://a:8092/x") == host_of("a:12080") == "a"
    assert host_of("http://[::1]:8092") == host_of("[::1]:12080") == "::1"
    assert host_of("http://[::1") == ""


@pytest.mark.parametrize("url", ["http://::1:8092", "http://2001:db8::7", "https://u:p@::1:1/x"])
def test_an_ipv6_address_in_a_url_needs_brackets(url):
    """The error shows how it is written."""
    with pytest.raises(InvalidInput, match="brackets") as caught:
        split_addresses(f"http://[::1]:8092,{url}", "api_url")

    assert caught.value.field == "api_url"

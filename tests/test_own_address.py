"""The host that a server tells others."""

import pytest

from fednet.addresses import is_loopback, is_wildcard
from fednet.own_address import advertised_host

ANY, ANY_IPV6 = "0.0.0.0", "::"


def test_a_given_host_is_told_as_it_is():
    """Whatever the server listens on."""
    assert advertised_host(ANY, "combiner.example", ["http://127.0.0.1:8092"]) == "combiner.example"
    assert advertised_host("10.0.0.7", None, ["http://192.0.2.1:8092"]) == "10.0.0.7"
    assert advertised_host("::1") == "::1"


@pytest.mark.parametrize(
    "peer", ["http://127.0.0.1:8092", "http://no-such-host.invalid", "http://["]
)
@pytest.mark.parametrize("listening", [ANY, ANY_IPV6])
def test_a_server_on_all_addresses_tells_one_of_this_machine(listening, peer):
    """Never the wildcard; a peer that sees loopback only, or is unknown, does not matter."""
    told = advertised_host(listening, None, [peer])
    without_peers = advertised_host(listening)

    assert told == without_peers
    assert not is_wildcard(told)


def test_the_address_is_that_of_the_route_to_the_peer():
    """The own address of this machine as a peer: the route to it begins there."""
    own = advertised_host(ANY)

    assert advertised_host(ANY, None, [f"http://{own}:8092"]) == own
    assert ":" not in own


def test_a_server_on_ipv4_tells_no_ipv6_address(ipv6_loopback):
    """Nobody could reach it there."""
    told = advertised_host(ANY, None, [f"http://[{ipv6_loopback}]:8092"])

    assert ":" not in told
    assert told == advertised_host(ANY)
    assert not is_loopback(told) or told == "127.0.0.1"

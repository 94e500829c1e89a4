"""The loopback address of IPv6, for tests of whole networks."""

import socket

import pytest


@pytest.fixture(scope="session")
def ipv6_loopback():
    """The address `::1`; a test is skipped where this machine has none, which the CI does not accept."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 on its loopback interface: {error}")
    return "::1"

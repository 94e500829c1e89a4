"""Answers of any length: unread ones hold no thread, and a caller has a bounded number of them."""

import http.client
import socket

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.digest_fields import digest_fields
from fednet.controller.rest.server import serving

SECONDS = 200
SIZE = 48 * limits.MIB  # more than all buffers between the server and a caller that does not read


@pytest.fixture
def package(records, blobs):
    """An active package; nobody looks into it."""
    blob = blobs.put("packages/large", iter([bytes(limits.MIB)] * (SIZE // limits.MIB)))
    records.insert(
        "packages",
        {"id": "large", "file_name": None, "helper": "numpyhelper", **digest_fields(blob)},
    )
    records.set_active(package_id="large")
    return "large"


@pytest.fixture
def connect(app, signer, package):
    """Asks a server of the app with the token of a client; two threads work at it, and it has a package."""
    assert package == "large"
    listening = socket.create_server(("127.0.0.1", 0))
    open_ = []
    with serving(app, listening, threads=2, checks_heads=True):

        def ask(path, client="its-id"):
            token = signer.sign(Principal.of(Role.CLIENT, client, client))
            connection = http.client.HTTPConnection(*listening.getsockname(), timeout=SECONDS)
            open_.append(connection)
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse()

        yield ask
        for each in open_:
            each.close()


@pytest.mark.parametrize("path", ["/api/v1/packages/download", "/download_package"])
def test_unread_downloads_do_not_stop_the_server(connect, path):
    """Forty of one client, with two threads."""
    unread = [connect(path) for _ in range(40)]

    assert connect("/health").status == 200
    assert len(unread[-1].read()) == SIZE


def test_a_caller_reads_a_bounded_number_of_files_at_the_same_time(connect, monkeypatch):
    """Others are served meanwhile, and so is the caller again when one has been read."""
    monkeypatch.setattr(limits, "rest_caller_streams_max", 2)
    unread = [connect("/api/v1/packages/download") for _ in range(2)]

    refused = connect("/api/v1/packages/download")
    other = connect("/api/v1/packages/download", "another")
    unread[0].read()
    again = connect("/api/v1/packages/download")

    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert (other.status, again.status) == (200, 200)

"""Bodies are refused by the head of their request, whoever sends them."""

import http.client
import socket

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.rest.server import serving

SECONDS = 200
HUGE = str(1_500_000_000)


@pytest.fixture
def send_head(app, signer):
    """Sends the head of a request to a server of the app; returns the answer's status and headers."""
    listening = socket.create_server(("127.0.0.1", 0))
    with serving(app, listening, threads=2, checks_heads=True):

        def send(path, role=None, method="POST", **headers):
            connection = http.client.HTTPConnection(*listening.getsockname(), timeout=SECONDS)
            connection.putrequest(method, path)
            if role:
                token = signer.sign(Principal.of(role, "its-id", "its-name"))
                connection.putheader("Authorization", f"Bearer {token}")
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            response.body = response.read().decode()
            connection.close()
            return response

        yield send


BODIES = [{"Content_Length": HUGE}, {"Transfer_Encoding": "chunked"}]
ROUTES = [
    ("POST", "/api/v1/models/"),
    ("POST", "/api/v1/packages/"),
    ("PATCH", "/api/v1/blobs/?upload_id=8c7b9d8e-0d2b-4a6e-9b1f-0d9c2b1a3f4e&offset=0"),
    ("POST", "/api/v1/sessions/"),
    ("POST", "/set_initial_model"),
    ("POST", "/set_package"),
    ("POST", "/nowhere"),
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_body_without_a_token_is_refused_by_its_head(send_head, method, path, body):
    """Not a byte of it is read."""
    assert send_head(path, method=method, **body).status == 401


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("method", "path"), ROUTES[:-1])
def test_a_body_of_one_who_may_not_send_it_is_refused_by_its_head(send_head, method, path, body):
    """The route tells the permission, before the body."""
    assert send_head(path, Role.VIEWER, method, **body).status == 403


@pytest.mark.parametrize(
    ("method", "path"), [*ROUTES[:-1], ("POST", "/api/v1/auth/login"), ("POST", "/nowhere")]
)
def test_a_body_over_the_bound_of_its_route_is_refused_by_its_head(send_head, method, path):
    """Each route has its own bound; the smallest is that of the open ones."""
    size = str(limits.model_bytes_max + limits.upload_overhead_bytes_max + 1)

    assert send_head(path, Role.ADMIN, method, Content_Length=size).status == 413


def test_the_bound_of_a_file_is_exact(send_head):
    """A file, and the frame of its form."""
    bytes_max = limits.package_bytes_max + limits.upload_overhead_bytes_max

    answer = send_head("/api/v1/packages/", Role.ADMIN, Content_Length=str(bytes_max + 1))

    assert answer.status == 413
    assert str(bytes_max) in answer.body


def test_a_query_has_a_bounded_number_of_parameters(api):
    """Each costs time, however short it is."""
    query = "&".join("name=a" for _ in range(limits.rest_query_parameters_max + 1))

    assert api.get(f"/api/v1/clients/?{query}").status_code == 413


def test_a_refusal_by_the_head_is_in_the_audit_log(send_head, auditor, records):
    """As any other refusal."""
    send_head("/api/v1/models/", Role.VIEWER, Content_Length=HUGE)
    auditor.close()

    blocks = records.find("audit")
    entries = [entry for block in blocks for entry in block["entries"]]
    assert [entry["outcome"] for entry in entries] == ["refused"]

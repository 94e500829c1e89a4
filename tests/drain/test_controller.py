"""A controller that is told to stop."""

import http.client
import json
import signal
import uuid
from urllib.parse import urlsplit

import numpy as np
import pytest

from fednet.parameters import write_model

SECONDS = 120
BOUNDARY = "boundary"


@pytest.fixture
def controller(start, tmp_path):
    """A controller in a process of its own."""
    return start("controller", "start", "--port", 0, "--data-dir", tmp_path / "data")


def upload_of(path):
    """Return the head and the tail of the body of an upload."""
    disposition = 'form-data; name="file"; filename="seed.npz"'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + path.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def begun_upload(controller, body):
    """Send half of an upload; return the connection."""
    about = urlsplit(controller.said["api_url"])
    connection = http.client.HTTPConnection(about.hostname, about.port, timeout=SECONDS)
    connection.putrequest("POST", f"/api/v1/models/?id={uuid.uuid4()}")
    connection.putheader("Authorization", f"Bearer {controller.said['token']}")
    connection.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[: len(body) // 2])
    return connection


def test_a_request_under_way_is_finished(controller, tmp_path):
    """An upload goes on, and its sender gets the answer."""
    write_model(tmp_path / "seed.npz", [np.zeros(5_000_000, np.float32)])
    body = upload_of(tmp_path / "seed.npz")
    connection = begun_upload(controller, body)

    controller.tell_to_stop()
    connection.send(body[len(body) // 2 :])
    answer = connection.getresponse()

    assert (answer.status, json.loads(answer.read())["success"]) == (201, True)
    connection.close()
    assert controller.has_ended() == 0


def test_a_second_signal_ends_it_at_once(controller, tmp_path):
    """The request under way is broken off."""
    write_model(tmp_path / "seed.npz", [np.zeros(5_000_000, np.float32)])
    connection = begun_upload(controller, upload_of(tmp_path / "seed.npz"))

    controller.tell_to_stop()
    controller.tell_to_stop_again()

    assert controller.has_ended() not in {0, -signal.SIGTERM}
    connection.close()

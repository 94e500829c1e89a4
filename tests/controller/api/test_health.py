"""The health of a controller, as Kubernetes asks for it."""

import http.client
import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest
import requests

from fednet.controller.server import Controller
from fednet.settings import ControllerSettings


@pytest.fixture
def controller(tmp_path):
    """A controller of the test's own."""
    controller = Controller.start(ControllerSettings(port=0, data_dir=tmp_path / "controller"))
    yield controller
    controller.stop()


def test_a_controller_is_live_and_ready(anybody):
    """No token is needed."""
    for page in ("live", "ready"):
        answer = anybody.get(f"/health/{page}")

        assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_health_answers_while_500_connections_are_open(controller):
    """They wait for nothing of the controller, so they hold no thread of it."""
    host = urlsplit(controller.api_url).hostname, urlsplit(controller.api_url).port

    with ExitStack() as silent:
        for _ in range(500):
            silent.enter_context(socket.create_connection(host, timeout=60))
        for page in ("live", "ready"):
            assert requests.get(f"{controller.api_url}/health/{page}", timeout=60).ok


def test_a_controller_that_stops_is_live_and_not_ready(controller):
    """A request on an open connection is answered: the balancer is to send the next ones elsewhere."""
    host = urlsplit(controller.api_url).hostname, urlsplit(controller.api_url).port
    with ExitStack() as open_:
        asking = [http.client.HTTPConnection(*host, timeout=60) for _ in range(2)]
        for each in asking:
            open_.callback(each.close)
            each.connect()
        controller._engine.close()

        statuses = {}
        for each, page in zip(asking, ("live", "ready"), strict=True):
            each.request("GET", f"/health/{page}")
            statuses[page] = each.getresponse().status

        assert statuses == {"live": 200, "ready": 503}

"""The health of a client's process."""

import threading

import pytest
import requests
from servers.process import free_port

from fednet.client.agent import serve
from fednet.settings import ClientSettings
from fednet.testing import Network


@pytest.fixture(scope="module")
def net():
    """A network without clients."""
    with Network() as network:
        yield network


def test_a_client_is_ready_while_it_is_connected(net, tmp_path):
    """Live, too."""
    settings = ClientSettings(
        name="site-1",
        api_url=net.api_url,
        token=net.token,
        data_dir=tmp_path,
        monitoring_port=free_port(),
    )
    page, stop, found = f"http://127.0.0.1:{settings.monitoring_port}/health", threading.Event(), {}

    def look(_ready):
        found.update(
            {
                each: requests.get(f"{page}/{each}", timeout=60).status_code
                for each in ("live", "ready")
            }
        )
        stop.set()

    serve(settings, look, stop)

    assert found == {"live": 200, "ready": 200}

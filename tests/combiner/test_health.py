"""The health of a combiner's process."""

import socket
import threading

import grpc
import pytest
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc
from servers.process import free_port

from fednet.combiner.server import serve
from fednet.controller.server import Controller
from fednet.settings import CombinerSettings, ControllerSettings


@pytest.fixture
def controller(tmp_path):
    """A controller of the test's own."""
    controller = Controller.start(ControllerSettings(port=0, data_dir=tmp_path / "controller"))
    yield controller
    controller.stop()


def settings_of(tmp_path, **more):
    return CombinerSettings(
        name="combiner-1",
        port=0,
        data_dir=tmp_path / "combiner-1",
        monitoring_port=free_port(),
        **more,
    )


def statuses(settings):
    page = f"http://127.0.0.1:{settings.monitoring_port}/health"
    return [requests.get(f"{page}/{each}", timeout=60).status_code for each in ("live", "ready")]


def test_a_combiner_that_serves_is_live_and_ready(controller, tmp_path):
    """By HTTP and by gRPC, whose services are named like the pages."""
    settings = settings_of(tmp_path, api_url=controller.api_url, token=controller.token)
    stop, found = threading.Event(), {}

    def ready(about):
        def look():
            found["http"] = statuses(settings)
            with grpc.insecure_channel(about["address"]) as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                for each in ("", "live", "ready"):
                    asked = health_pb2.HealthCheckRequest(service=each)
                    found[each] = stub.Check(asked, timeout=60).status
            stop.set()

        threading.Thread(target=look).start()

    serve(settings, ready, stop)

    serving = health_pb2.HealthCheckResponse.SERVING
    assert found == {"http": [200, 200], "": serving, "live": serving, "ready": serving}


def test_a_combiner_whose_controller_is_silent_is_live_and_not_ready(tmp_path):
    """To restart it would help nobody."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()
        settings = settings_of(tmp_path, api_url=f"http://{host}:{port}", token="none")
        stop = threading.Event()
        thread = threading.Thread(target=serve, args=[settings, lambda _: None, stop])
        thread.start()
        with silent.accept()[0]:  # it registers
            found = statuses(settings)
            stop.set()
            thread.join()

    assert found == [200, 503]

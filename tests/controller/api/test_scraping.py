"""The metrics of a controller over REST."""

import pytest

from fednet.contract import Principal, Role


@pytest.mark.parametrize(("role", "status"), [(Role.MONITOR, 200), (Role.VIEWER, 403)])
def test_a_collector_needs_the_permission(client_with, role, status):
    """The role `monitor` reads metrics and nothing else; who sees sessions does not see metrics for that."""
    caller = client_with(Principal.of(role, "id", "name"))

    assert caller.get("/metrics").status_code == status
    assert caller.get("/api/v1/sessions/").status_code == (403 if status == 200 else 200)


def test_each_answer_is_counted_once_by_method_and_class(api, anybody):
    """Also a refusal is; the series have no other labels."""
    api.get("/api/v1/sessions/")
    anybody.get("/api/v1/sessions/")

    lines = api.get("/metrics").text.splitlines()

    assert 'fednet_controller_requests_total{method="GET",status="2xx"} 1.0' in lines
    assert 'fednet_controller_requests_total{method="GET",status="4xx"} 1.0' in lines
    assert "fednet_controller_request_seconds_count 2.0" in lines
    assert not any("_created" in line for line in lines)

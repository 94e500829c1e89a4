"""Telemetries: figures on the state of machines."""

import pytest

TELEMETRIES = "/api/v1/telemetries"


def test_a_figure_is_kept_and_listed(api):
    """With its time, by its key."""
    body = {"key": "memory", "value": 0.5, "source": {"name": "a", "kind": "client"}}

    kept = api.post(f"{TELEMETRIES}/", json=body)

    assert kept.status_code == 201
    assert kept.json["value"] == 0.5
    assert api.get(f"{TELEMETRIES}/?key=memory&source.name=a").json["result"] == [kept.json]
    assert api.post(f"{TELEMETRIES}/count", json={"key": "disk"}).json == 0


@pytest.mark.parametrize("value", ["x", None, [1]])
def test_what_is_no_number_is_refused(api, value):
    """422, with the field."""
    answer = api.post(f"{TELEMETRIES}/", json={"key": "memory", "value": value})

    assert (answer.status_code, answer.json["field"]) == (422, "value")


def test_infinity_is_no_figure(api):
    """JSON has no such number."""
    answer = api.post(
        f"{TELEMETRIES}/", data='{"key": "k", "value": Infinity}', content_type="application/json"
    )

    assert answer.status_code == 400

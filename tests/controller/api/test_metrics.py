"""Metrics: numbers that clients report, step by step."""

METRICS = "/api/v1/metrics"


def test_metrics_are_listed_by_what_they_belong_to(api, records):
    """By key, session, round, model and client."""
    metric = {"key": "loss", "session_id": "s", "round_id": "r", "model_id": "m"}
    for value in (1.0, 0.5):
        records.insert("metrics", {**metric, "value": value, "client": {"name": "a"}})

    answer = api.get(f"{METRICS}/?key=loss&session_id=s&round_id=r&model_id=m&client.name=a").json

    assert [each["value"] for each in answer["result"]] == [0.5, 1.0]
    assert api.get(f"{METRICS}/count?model_id=m").json == 2
    assert api.get(f"{METRICS}/?step=1").status_code == 400

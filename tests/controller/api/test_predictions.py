"""Predictions: what clients made of their data."""

PREDICTIONS = "/api/v1/predictions"


def test_predictions_are_listed_by_either_spelling(api, records):
    """FEDn's client asks for `modelId`."""
    records.insert("predictions", {"id": "p", "model_id": "m", "correlation_id": "c"})

    assert api.get(f"{PREDICTIONS}/?modelId=m&correlationId=c").json["count"] == 1
    assert api.get(f"{PREDICTIONS}/?model_id=n").json == {"count": 0, "result": []}
    assert api.get(f"{PREDICTIONS}/p").json["prediction_id"] == "p"


def test_a_start_says_that_nothing_was_started(api):
    """501, and what to do instead."""
    answer = api.post(f"{PREDICTIONS}/start", json={"prediction_id": "p", "model_id": None})

    assert answer.status_code == 501
    assert answer.json["code"] == "not_implemented"
    assert "Download the model" in answer.json["message"]

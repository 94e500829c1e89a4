"""Predictions: what clients made of their data."""

PREDICTIONS = "/api/v1/predictions"


def test_predictions_are_listed_by_what_they_belong_to(api, records):
    """The model, and the session that asked for them."""
    records.insert("predictions", {"id": "p", "model_id": "m", "prediction_id": "c"})

    assert api.get(f"{PREDICTIONS}/?model_id=m&prediction_id=c").json["count"] == 1
    assert api.get(f"{PREDICTIONS}/?model_id=n").json == {"count": 0, "result": []}
    assert api.get(f"{PREDICTIONS}/p").json["id"] == "p"


def test_a_start_is_a_session_of_the_same_id(api):
    """Sent again it is the same one."""
    asked = {"prediction_id": "p", "model_id": None}

    first, again = (api.post(f"{PREDICTIONS}/start", json=asked) for _ in range(2))

    assert first.status_code == again.status_code == 200
    assert first.json == again.json
    assert first.json["message"] == "Prediction session started"
    assert api.get("/api/v1/sessions/p").json["session_id"] == first.json["prediction_id"] == "p"


def test_a_start_with_unknown_fields_is_refused(api):
    """Before anything is written."""
    answer = api.post(f"{PREDICTIONS}/start", json={"prediction_id": "p", "rounds": 3})

    assert (answer.status_code, answer.json["field"]) == (422, "rounds")

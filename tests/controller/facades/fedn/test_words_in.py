"""FEDn's words in requests."""


def ids(answer):
    assert answer.status_code == 200
    return [each["id"] for each in answer.json["result"]]


def test_a_filter_may_have_fedns_spelling(api, records):
    """Its client asks for the validations of a `sessionId`."""
    records.insert("validations", {"id": "v", "session_id": "s", "model_id": "m"})

    assert ids(api.get("/api/v1/validations/?sessionId=s&modelId=m")) == ["v"]
    assert ids(api.post("/api/v1/validations/list", json={"sessionId": "t"})) == []

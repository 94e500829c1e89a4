"""Helpers: the format of model files."""

ACTIVE = "/api/v1/helpers/active"


def test_the_helper_is_chosen(api, records):
    """A bare name, as FEDn answers it; until it is chosen, that of the default."""
    before = api.get(ACTIVE)

    answer = api.put(ACTIVE, json={"helper": "binaryhelper"})

    assert (before.json, before.status_code) == ("numpyhelper", 200)
    assert answer.json == {"success": True, "message": "Active helper set."}
    assert records.active()["helper"] == "binaryhelper"
    assert api.get(ACTIVE).json == "binaryhelper"


def test_a_helper_that_fednet_has_not_is_refused(api):
    """The ones that there are, are named."""
    answer = api.put(ACTIVE, json={"helper": "kerashelper"})

    assert (answer.status_code, answer.json["field"]) == (400, "helper")
    assert "numpyhelper" in answer.json["message"]

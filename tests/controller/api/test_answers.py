"""The answers of a round: a resource of their own, paged and filtered."""

import pytest


@pytest.fixture
def round_(records):
    """A round with three answers, of which one does not count; another round has one."""
    for id_, number in (("r", "1"), ("other", "2")):
        records.insert("rounds", {"id": id_, "round_id": number, "session_id": "s"})
    outcomes = [
        ("r", "a", "counted"),
        ("r", "b", "counted"),
        ("r", "c", "late"),
        ("other", "a", "counted"),
    ]
    for number, (round_id, client, outcome) in enumerate(outcomes):
        records.insert(
            "answers",
            {
                "id": f"t{number}",
                "round_id": round_id,
                "client": {"id": f"{client}-id", "name": client},
                "outcome": outcome,
            },
        )


@pytest.mark.usefixtures("round_")
@pytest.mark.parametrize("key", ["r", "1"])
def test_a_rounds_answers_are_listed_newest_first(api, key):
    """By its id, or by its number in the network; those of other rounds are not among them."""
    listed = api.get(f"/api/v1/rounds/{key}/answers/").json

    assert listed["count"] == 3
    assert [each["client"]["name"] for each in listed["result"]] == ["c", "b", "a"]


@pytest.mark.usefixtures("round_")
def test_answers_come_in_pages_and_by_client_and_outcome(api):
    """As other resources do."""
    url = "/api/v1/rounds/r/answers/"

    page = api.get(url, headers={"X-Limit": "1", "X-Skip": "1"}).json
    late = api.get(f"{url}?outcome=late").json
    of_a = api.get(f"{url}?client.name=a").json

    assert (page["count"], [each["id"] for each in page["result"]]) == (3, ["t1"])
    assert [each["id"] for each in late["result"]] == ["t2"]
    assert [each["id"] for each in of_a["result"]] == ["t0"]


@pytest.mark.usefixtures("round_")
def test_a_round_that_is_not_there_has_no_answers(api):
    """The refusal names it."""
    refused = api.get("/api/v1/rounds/nope/answers/")

    assert (refused.status_code, refused.json["code"]) == (404, "not_found")

"""The stores over REST: their figures, the look, the cleaning; and pins."""

import io
import uuid

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.cleaning.rules import Rule

STORAGE = "/api/v1/storage"


@pytest.fixture
def rules(rules):
    """Two models are kept."""
    return rules | {"models": Rule(kept_max=2)}


@pytest.fixture
def add_model(api, model_bytes):
    """Uploads a model, which becomes the active one; returns its id."""

    def add(value):
        sent = {"file": (io.BytesIO(model_bytes(value)), "seed.npz")}
        return api.post("/api/v1/models/", data=sent).json["model_id"]

    return add


@pytest.fixture
def models(add_model):
    """Five models; the last one is active."""
    return [add_model(float(value)) for value in range(5)]


def test_the_figures_tell_kinds_sessions_and_ages(api, models):
    """With the bytes of models."""
    found = api.get(STORAGE).json

    [session] = found["sessions"]
    assert (session["session_id"], session["count"]) == (None, len(models))
    assert found["kinds"]["models"] == found["ages"]["day"]
    assert found["kinds"]["models"]["size_bytes"] == session["size_bytes"] > 0
    assert found["kinds"]["clients"] == {"count": 0, "size_bytes": None}
    assert found["pinned"]["count"] == 0


def test_a_look_and_a_cleaning_find_the_same(api, models):
    """A look deletes nothing; the cleaning leaves the active and the pinned model."""
    assert api.put(f"/api/v1/models/{models[0]}/pin").json["is_pinned"] is True

    looked = api.get(f"{STORAGE}/surplus").json
    before = api.get("/api/v1/models/").json["count"]
    cleaned = api.post(f"{STORAGE}/clean", json={}).json

    assert looked == cleaned
    assert (before, cleaned["count"]["models"], cleaned["next"]) == (5, 3, None)
    left = {each["id"] for each in api.get("/api/v1/models/").json["result"]}
    assert left == {models[0], models[4]}


@pytest.mark.usefixtures("models")
def test_a_request_works_for_some_seconds_and_tells_where_to_go_on(api, monkeypatch):
    """The caller asks again, until there is nothing more."""
    monkeypatch.setattr(limits, "cleaning_request_seconds", 0.0)
    position, deleted, requests = None, 0, 0
    while position is not None or not requests:
        asked = {} if position is None else {"position": position}
        answer = api.post(f"{STORAGE}/clean", json=asked).json
        position, requests = answer["next"], requests + 1
        deleted += answer["count"]["models"]

    assert deleted == 3
    assert requests > 3


@pytest.mark.usefixtures("models")
def test_an_age_replaces_those_of_the_settings(api):
    """Everything that may go is older than nothing."""
    answer = api.post(f"{STORAGE}/clean", json={"older_than_seconds": 0}).json

    assert answer["count"]["models"] == 4


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("body", [{"position": "x"}, {"older_than_seconds": -1}, {"more": 1}])
def test_what_is_no_cleaning_is_refused(api, body):
    """Nothing is deleted."""
    assert api.post(f"{STORAGE}/clean", json=body).status_code in {400, 422}
    assert api.get("/api/v1/models/").json["count"] == 5


@pytest.mark.parametrize(("role", "status"), [(Role.OPERATOR, 200), (Role.SCIENTIST, 403)])
def test_storage_has_permissions_of_its_own(client_with, role, status):
    """Operators look after the stores."""
    caller = client_with(Principal.of(role, str(uuid.uuid4()), "somebody"))

    assert caller.get(STORAGE).status_code == status
    assert caller.post(f"{STORAGE}/clean", json={}).status_code == status


def test_a_cleaning_is_audited_and_a_look_is_not(api, auditor):
    """As other changes are."""
    api.get(f"{STORAGE}/surplus")
    api.post(f"{STORAGE}/clean", json={})
    auditor.logged_in(Principal.of(Role.ADMIN, "id", "mark"), "mark", "")

    entries, _ = auditor.log.after(0, auditor.log.head())

    told = [(each["what"], each["outcome"]) for each in entries if STORAGE in each["route"]]
    assert told == [("storage:write", "begun"), ("storage:write", "ok")]


def test_a_model_without_its_file_cannot_be_used(api, models, records):
    """To download it, to make it active, to pin it: each says why."""
    records.update("models", models[1], lambda _: {"file_deleted_at": "2026-01-01T00:00:00Z"})

    answers = [
        api.get(f"/api/v1/models/{models[1]}/download"),
        api.put("/api/v1/models/active", json={"id": models[1]}),
        api.put(f"/api/v1/models/{models[1]}/pin"),
    ]

    assert {each.status_code for each in answers} == {409}
    assert all("retention" in each.json["message"] for each in answers)
    assert api.get(f"/api/v1/models/{models[1]}").json["file_deleted_at"]


def test_a_pin_is_removed(api, models):
    """Retention deletes the model again."""
    api.put(f"/api/v1/models/{models[0]}/pin")

    assert api.delete(f"/api/v1/models/{models[0]}/pin").json["is_pinned"] is False
    assert api.post(f"{STORAGE}/clean", json={}).json["count"]["models"] == 3
    assert api.put("/api/v1/models/nope/pin").status_code == 404

"""Our documents with FEDn's fields."""

import pytest
from old_documents import OLD

from fednet.controller.records import COLLECTIONS

UPGRADED = {each.name: each.upgraded for each in COLLECTIONS if each.upgraded}


@pytest.mark.parametrize("name", sorted(set(OLD) - {"sessions"}))
def test_fedns_clients_see_an_old_document_as_before(api, records, name):
    """It is stored in our words by now, and shown with every field that it had."""
    records.insert(name, UPGRADED[name](OLD[name]))

    shown = api.get(f"/api/v1/{name}/{OLD[name]['id']}").json

    kept = {field: value for field, value in OLD[name].items() if field != "sender"}
    assert {**shown, **kept} == shown
    sender = OLD[name].get("sender", {})
    assert {**shown.get("sender", {}), **sender} == shown.get("sender", {})


def test_fedns_clients_see_an_old_session_as_before(api, records):
    """Its options are a list of one configuration, in our words and in FEDn's."""
    records.insert("models", {"id": "m0", "parent_id": None})
    records.insert("models", UPGRADED["models"](OLD["models"]))
    records.insert("sessions", UPGRADED["sessions"](OLD["sessions"]))

    (config,) = api.get("/api/v1/sessions/s").json["session_config"]

    assert {**config, **OLD["sessions"]["session_config"][0]} == config
    assert (config["clients_required"], config["model_id"]) == (1, "m1")


def test_an_answer_has_our_words_too(api, records):
    """A script may read either."""
    ours = UPGRADED["validations"](OLD["validations"])
    records.insert("validations", ours)

    shown = api.get("/api/v1/validations/v").json

    assert {**shown, **ours} == shown


def test_a_text_that_is_no_json_is_shown_as_it_is(api, records):
    """In FEDn's field."""
    records.insert("validations", {"id": "v", "metrics": "{x"})

    assert api.get("/api/v1/validations/v").json["data"] == "{x"

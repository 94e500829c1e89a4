"""Documents of version 0.1.0 in today's words."""

import pytest
from old_documents import OLD

from fednet.controller import old_documents
from fednet.controller.records import COLLECTIONS

UPGRADED = {each.name: each.upgraded for each in COLLECTIONS if each.upgraded}


@pytest.mark.parametrize("name", OLD)
def test_an_upgrade_may_be_repeated(name):
    """A document of today's is left as it is, so an upgrade that broke off is done again."""
    upgraded = UPGRADED[name](OLD[name])

    assert upgraded != OLD[name]
    assert UPGRADED[name](upgraded) == upgraded


@pytest.mark.parametrize("name", OLD)
def test_an_upgraded_document_has_our_words_alone(name):
    """Nothing of FEDn's is left, and the document that was given is not changed."""
    before = repr(OLD[name])

    text = repr(UPGRADED[name](OLD[name]))

    for word in (
        "sender",
        "receiver",
        "correlation_id",
        "session_config",
        "parent_model",
        "WORKER",
    ):
        assert word not in text
    assert repr(OLD[name]) == before


def test_a_session_keeps_its_state():
    """What its driver goes on from; the documents that it carries are upgraded."""
    session = old_documents.session(OLD["sessions"])

    assert session["state"] == OLD["sessions"]["state"]
    assert session["options"] == {"rounds": 2, "min_clients": 1, "validate": True}
    assert session["task"] == "training"
    carried, active = session["projections"]
    assert carried["fields"]["parent_id"] == "m0"
    assert active == {"collection": "network", "id": "active", "fields": {"model_id": "m1"}}


def test_a_model_keeps_its_sha256_as_its_digest():
    """Until schema 3 a model had no other digest."""
    model = old_documents.model(OLD["models"])

    assert model["digest"] == model["sha256"] == OLD["models"]["sha256"]


def test_results_name_their_client_and_combiner():
    """By name; ids of clients were not stored."""
    validation = old_documents.validation(OLD["validations"])
    prediction = old_documents.prediction(OLD["predictions"])

    for result in (validation, prediction):
        assert result["client"] == {"id": "", "name": "site-1"}
        assert result["combiner"] == "combiner-1"
    assert (validation["task_id"], validation["metrics"]) == ("v", {"accuracy": 0.5})
    assert (prediction["prediction_id"], prediction["result"]) == ("asked", {"mean": 1.5})


def test_what_is_no_json_stays_a_text():
    """As the client sent it."""
    told = {name: value for name, value in OLD["validations"].items() if name != "metrics"}

    assert old_documents.validation({**told, "data": "{x"})["metrics"] == "{x"


def test_a_status_names_its_source():
    """A client or a combiner, with what happened and its details."""
    status = old_documents.status(OLD["statuses"])

    assert status["source"] == {"kind": "client", "name": "site-1", "id": ""}
    assert status["message"] == "Model update folded."
    assert status["details"] == {"round": 1, "num_examples": 3}


def test_a_preferred_combiner_is_a_name_or_none():
    """It was False."""
    assert old_documents.client(OLD["clients"])["preferred_combiner"] is None
    named = old_documents.client({**OLD["clients"], "combiner_preferred": "combiner-2"})
    assert named["preferred_combiner"] == "combiner-2"


def test_a_model_without_a_format_is_an_npz():
    """The only one that there was."""
    assert old_documents.model(OLD["models"])["helper"] == "numpyhelper"
    other = {**OLD["models"], "helper": "safetensors"}
    assert old_documents.model(other)["helper"] == "safetensors"

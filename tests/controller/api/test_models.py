"""The trail of models, beyond their files."""

import io

import pytest

from fednet import limits

MODELS = "/api/v1/models"


@pytest.fixture
def family(records):
    """A seed with two children, of which the first has a child of its own."""
    for model_id, parent in (("seed", None), ("a", "seed"), ("b", "seed"), ("c", "a")):
        records.insert("models", {"id": model_id, "model": model_id, "parent_model": parent})


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize("page", [1, 2, 1000])
def test_leaf_nodes_are_nobodys_parents(api, monkeypatch, page):
    """Newest first, however the models are spread over pages."""
    monkeypatch.setattr(limits, "page_items_max", page)

    leaves = api.get(f"{MODELS}/leaf-nodes").json

    assert [each["model"] for each in leaves] == ["c", "b"]
    assert [each["model_id"] for each in leaves] == ["c", "b"]


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_model_is_given_a_name(api, method):
    """Nothing else of it can be changed: the trail tells what happened."""
    answer = api.open(f"{MODELS}/a", method=method, json={"name": "best"})
    forged = api.open(f"{MODELS}/a", method=method, json={"name": "x", "parent_model": "b"})

    assert (answer.json["name"], answer.json["parent_model"]) == ("best", "seed")
    assert (forged.status_code, forged.json["field"]) == (422, "parent_model")
    assert api.get(f"{MODELS}/a").json["name"] == "best"
    assert api.open(f"{MODELS}/nope", method=method, json={"name": "x"}).status_code == 404


def test_an_upload_may_say_its_name_and_helper(api, model_bytes):
    """As FEDn 0.33's client does; a helper that fednet has not is refused before the file is read."""
    file = {"file": (io.BytesIO(model_bytes()), "seed.npz")}
    said = {"name": "seed", "helper": "numpyhelper"}

    refused = api.post(f"{MODELS}/", data={"file": (io.BytesIO(b""), "x"), "helper": "torchhelper"})
    answer = api.post(f"{MODELS}/", data={**file, **said})

    assert (refused.status_code, refused.json["field"]) == (400, "helper")
    assert answer.status_code == 201
    assert api.get(f"{MODELS}/active").json["name"] == "seed"
    assert api.get(f"{MODELS}/active").json["helper"] == "numpyhelper"

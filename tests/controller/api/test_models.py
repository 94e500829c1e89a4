"""The trail of models, beyond their files."""

import io

import numpy as np
import pytest
from safetensors.numpy import save

from fednet import limits

MODELS = "/api/v1/models"


@pytest.fixture
def family(records):
    """A seed with two children, of which the first has a child of its own."""
    for model_id, parent in (("seed", None), ("a", "seed"), ("b", "seed"), ("c", "a")):
        records.insert("models", {"id": model_id, "parent_id": parent})


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize("page", [1, 2, 1000])
def test_leaf_nodes_are_nobodys_parents(api, monkeypatch, page):
    """Newest first, however the models are spread over pages."""
    monkeypatch.setattr(limits, "page_items_max", page)

    leaves = api.get(f"{MODELS}/leaf-nodes").json

    assert [each["id"] for each in leaves] == ["c", "b"]
    assert [each["id"] for each in leaves] == ["c", "b"]


@pytest.mark.usefixtures("family")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_model_is_given_a_name(api, method):
    """Nothing else of it can be changed: the trail tells what happened."""
    answer = api.open(f"{MODELS}/a", method=method, json={"name": "best"})
    forged = api.open(f"{MODELS}/a", method=method, json={"name": "x", "parent_id": "b"})

    assert (answer.json["name"], answer.json["parent_id"]) == ("best", "seed")
    assert (forged.status_code, forged.json["field"]) == (422, "parent_id")
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


@pytest.mark.parametrize(
    ("helper", "content", "suffix"),
    [
        ("binaryhelper", np.arange(3.0).tobytes(), ".bin"),
        ("androidhelper", np.arange(3, dtype="<f4").tobytes(), ".bin"),
        ("safetensors", save({"w": np.arange(3.0)}), ".safetensors"),
        ("numpyhelper", None, ".npz"),
    ],
)
def test_a_model_of_every_format_goes_up_and_down(api, model_bytes, helper, content, suffix):
    """As raw bytes, with the helper in the query; the file's name has its suffix."""
    content = content or model_bytes()
    query = {"helper": helper}

    answer = api.post(
        f"{MODELS}/", data=content, content_type="application/octet-stream", query_string=query
    )

    path = f"{MODELS}/{answer.json['model_id']}"
    download = api.get(f"{path}/download")
    assert (answer.status_code, download.data) == (201, content)
    assert f"{answer.json['model_id']}{suffix}" in download.headers["Content-Disposition"]
    assert api.get(path).json["helper"] == helper
    assert api.get(f"{path}/parameters").json["array"][0] in ([0, 1, 2], [[1, 1]] * 3)


def test_a_file_of_another_helper_is_refused_with_its_name(api, model_bytes):
    """400 in JSON, as every refusal."""
    answer = api.post(
        f"{MODELS}/",
        data=model_bytes(),
        content_type="application/octet-stream",
        query_string={"helper": "binaryhelper"},
    )

    assert (answer.status_code, answer.json["code"]) == (400, "invalid_model")
    assert answer.json["field"] == "helper"

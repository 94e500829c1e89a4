"""Models and packages over REST."""

import hashlib
import io

import pytest

from fednet import limits
from fednet.controller.records import new_id

RAW = "application/octet-stream"


@pytest.fixture
def model_id(api, model_bytes):
    """An active model's id."""
    return api.post("/api/v1/models/", data=model_bytes(), content_type=RAW).json["model_id"]


def test_a_model_is_uploaded_as_a_form(api, model_bytes):
    """As FEDn's client and browsers do."""
    answer = api.post("/api/v1/models/", data={"file": (io.BytesIO(model_bytes()), "m.npz")})

    assert answer.status_code == 201
    assert answer.json["success"] is True
    assert api.get("/api/v1/models/active").json["id"] == answer.json["model_id"]


def test_a_model_is_uploaded_as_raw_bytes_under_an_id(api, model_bytes):
    """As our client does; sent again it is the same model."""
    model_id = new_id()

    for _ in range(2):
        answer = api.post(f"/api/v1/models/?id={model_id}", data=model_bytes(), content_type=RAW)
        assert (answer.status_code, answer.json["model_id"]) == (201, model_id)

    assert api.get("/api/v1/models/count").json == 1


@pytest.mark.parametrize(
    ("request_", "status", "field"),
    [
        ({"json": {}}, 400, "file"),
        ({"data": {"file": (io.BytesIO(b""), "m.npz")}}, 400, "file"),
        ({"data": {"model": (io.BytesIO(b"x"), "m.npz")}}, 400, "file"),
        ({"data": b"junk", "content_type": RAW}, 400, None),
        ({"data": b"x", "content_type": RAW, "query_string": {"id": "../x"}}, 422, "id"),
        ({"data": b"x", "content_type": RAW, "query_string": {"key": "x"}}, 422, "key"),
    ],
)
def test_a_bad_upload_is_refused(api, request_, status, field):
    """Nothing is kept; the field is named where one is at fault."""
    answer = api.post("/api/v1/models/", **request_)

    assert (answer.status_code, answer.json.get("field")) == (status, field)
    assert api.get("/api/v1/models/count").json == 0
    assert api.get("/api/v1/models/active").status_code == 404


@pytest.mark.parametrize("as_form", [True, False])
def test_an_upload_that_is_too_large_is_refused(api, monkeypatch, as_form):
    """413, before it is received."""
    monkeypatch.setattr(limits, "model_bytes_max", 10)
    content = b"x" * (limits.upload_overhead_bytes_max + 1000)
    body = {"data": {"file": (io.BytesIO(content), "m.npz")}} if as_form else {"data": content}

    answer = api.post("/api/v1/models/", **body, **({} if as_form else {"content_type": RAW}))

    assert (answer.status_code, answer.json["code"]) == (413, "limit_exceeded")


def test_a_model_is_downloaded(api, model_id, model_bytes):
    """Byte by byte, with its digest as ETag."""
    answer = api.get(f"/api/v1/models/{model_id}/download")

    assert answer.status_code == 200
    assert answer.data == model_bytes()
    assert answer.content_length == len(model_bytes())
    assert answer.get_etag()[0] == hashlib.sha256(model_bytes()).hexdigest()
    assert f"{model_id}.npz" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("bytes=1-3", 1, 4), ("bytes=5-", 5, None), ("bytes=-4", -4, None)]
)
def test_a_range_of_a_model_is_downloaded(api, model_id, model_bytes, asked, start, stop):
    """So that a broken download can go on."""
    answer = api.get(f"/api/v1/models/{model_id}/download", headers={"Range": asked})

    assert answer.status_code == 206
    assert answer.data == model_bytes()[start:stop]
    assert answer.content_range.length == len(model_bytes())


def test_a_range_that_is_not_there_is_refused(api, model_id):
    """416, in JSON."""
    answer = api.get(f"/api/v1/models/{model_id}/download", headers={"Range": "bytes=1000000-"})

    assert answer.status_code == 416
    assert answer.json["success"] is False


def test_a_range_of_another_file_is_not_mixed_in(api, model_id, model_bytes):
    """If-Range names the file that the first half was of."""
    headers = {"Range": "bytes=1-3", "If-Range": '"another"'}

    answer = api.get(f"/api/v1/models/{model_id}/download", headers=headers)

    assert (answer.status_code, answer.data) == (200, model_bytes())


def test_what_is_not_there_cannot_be_downloaded(api):
    """404, in JSON."""
    assert api.get("/api/v1/models/nope/download").json["code"] == "not_found"
    assert api.get("/api/v1/packages/active/download").json["code"] == "not_found"


def test_an_earlier_model_is_made_active_again(api, model_id, model_bytes):
    """By its id."""
    api.post("/api/v1/models/", data=model_bytes(2.0), content_type=RAW)

    assert api.put("/api/v1/models/active", json={"id": model_id}).status_code == 200
    assert api.get("/api/v1/models/active").json["id"] == model_id
    assert api.put("/api/v1/models/active", json={"id": "nope"}).status_code == 404


def test_the_trail_is_a_bare_list(api, records, model_id):
    """Of parents or of children; "active" names the active model."""
    records.insert("models", {"id": "child", "parent_id": model_id})
    path = "/api/v1/models"

    def ids(answer):
        return [each["id"] for each in answer.json]

    assert ids(api.get(f"{path}/child/ancestors")) == [model_id]
    assert ids(api.get(f"{path}/child/ancestors?include_self=true")) == ["child", model_id]
    headers = {"X-Reverse": "true"}
    reverse = api.get(f"{path}/child/ancestors?include_self=true", headers=headers)
    assert ids(reverse) == [model_id, "child"]
    assert ids(api.get(f"{path}/active/descendants")) == ["child"]
    one = api.get(f"{path}/child/ancestors?include_self=true", headers={"X-Limit": "1"})
    assert ids(one) == ["child"]


def test_the_numbers_of_a_small_model_are_shown(api, model_id):
    """Each array as nested lists, as FEDn does."""
    answer = api.get(f"/api/v1/models/{model_id}/parameters")

    assert answer.status_code == 200
    assert answer.json == {"array": [[[1.0, 1.0]] * 3]}
    assert api.get("/api/v1/models/active/parameters").json == answer.json
    assert api.get("/api/v1/models/nope/parameters").status_code == 404


@pytest.mark.parametrize("limit", ["shown_parameters_max", "shown_model_bytes_max"])
def test_the_numbers_of_a_large_model_are_to_be_downloaded(api, model_id, monkeypatch, limit):
    """413, with what to do instead."""
    monkeypatch.setattr(limits, limit, 5)

    answer = api.get(f"/api/v1/models/{model_id}/parameters")

    assert (answer.status_code, answer.json["code"]) == (413, "limit_exceeded")
    assert "download_model" in answer.json["message"]


def test_a_package_is_uploaded_and_downloaded(api, package_bytes):
    """As a form, with what is said of it; its digest can be asked for."""
    answer = api.post(
        "/api/v1/packages/",
        data={
            "file": (io.BytesIO(package_bytes), "digits.tgz"),
            "helper": "numpyhelper",
            "name": "digits",
        },
    )

    assert answer.status_code == 201
    package = api.get("/api/v1/packages/active").json
    assert package["id"] == answer.json["package_id"]
    assert (package["file_name"], package["name"]) == ("digits.tgz", "digits")
    assert api.get("/api/v1/packages/active/download").data == package_bytes
    assert api.get("/api/v1/packages/download").data == package_bytes
    assert api.get(f"/api/v1/packages/{package['id']}/download").data == package_bytes
    checksum = hashlib.sha256(package_bytes).hexdigest()
    assert api.get("/api/v1/packages/checksum").json == {"checksum": checksum}


def test_one_package_is_shown_as_active(api, package_bytes):
    """The last one that was set, or chosen."""
    first, second = (
        api.post("/api/v1/packages/", data=package_bytes, content_type=RAW).json["package_id"]
        for _ in range(2)
    )

    def active():
        result = api.get("/api/v1/packages/").json["result"]
        return [each["id"] for each in result if each["active"]]

    assert active() == [second]
    api.put("/api/v1/packages/active", json={"id": first})
    assert active() == [first]


def test_a_bad_package_is_refused(api):
    """400, with the reason."""
    answer = api.post("/api/v1/packages/", data=b"junk", content_type=RAW)

    assert (answer.status_code, answer.json["code"]) == (400, "invalid_package")

"""The active package."""

import io

import pytest
from werkzeug.http import parse_options_header

PACKAGES = "/api/v1/packages"


def test_the_active_package_is_set_and_taken_away(api, package_bytes):
    """It stays in the list, and can be made active again."""
    file = (io.BytesIO(package_bytes), "p.tgz")
    package_id = api.post(f"{PACKAGES}/", data={"file": file}).json["package_id"]

    taken = api.delete(f"{PACKAGES}/active")

    assert taken.json == {"success": True, "message": "Active package deleted."}
    assert api.get(f"{PACKAGES}/active").status_code == 404
    assert api.delete(f"{PACKAGES}/active").status_code == 404
    assert api.get(f"{PACKAGES}/").json["result"][0]["active"] is False
    assert api.put(f"{PACKAGES}/active", json={"id": package_id}).status_code == 200
    assert api.get(f"{PACKAGES}/active").json["id"] == package_id


def uploaded(api, package_bytes, **said):
    """Upload a package as raw bytes with its description in the query."""
    return api.post(
        f"{PACKAGES}/",
        data=package_bytes,
        content_type="application/octet-stream",
        query_string=said,
    )


@pytest.mark.parametrize(
    ("name", "ascii_name"),
    [
        ("p.tgz", "p.tgz"),
        ("my package.tgz", "my package.tgz"),
        ("modèle.tgz", "mod_le.tgz"),
        ("模型 “1”.tgz", "__ _1_.tgz"),
        ('a"b\\c.tgz', "a_b_c.tgz"),
        ("a;filename=b.tgz", "a;filename=b.tgz"),
        ("50%.tgz", "50%.tgz"),
    ],
)
def test_a_file_is_downloaded_under_its_name(api, package_bytes, name, ascii_name):
    """Any name is told in UTF-8, and old programs get one in ASCII (RFC 6266)."""
    assert uploaded(api, package_bytes, file_name=name).status_code == 201

    answer = api.get(f"{PACKAGES}/download")

    assert (answer.status_code, answer.data) == (200, package_bytes)
    _, options = parse_options_header(
        answer.headers["Content-Disposition"].encode("latin-1").decode()
    )
    assert options["filename"] in {name, ascii_name}
    assert (name == ascii_name) or ("filename*=UTF-8''" in answer.headers["Content-Disposition"])
    assert (name == ascii_name) or options["filename"] == name


@pytest.mark.parametrize("name", ["a\nb.tgz", "a\r\nX-Evil: 1", "\x00", "a\x7f.tgz", "a\u2028b"])
def test_a_file_name_with_control_characters_is_refused(api, package_bytes, name):
    """It could be told in no header; nothing is kept."""
    answer = uploaded(api, package_bytes, file_name=name)

    assert (answer.status_code, answer.json["field"]) == (400, "file_name")
    assert api.get(f"{PACKAGES}/").json["count"] == 0


def test_an_old_document_with_a_line_end_in_its_file_name_is_downloaded(
    api, package_bytes, records
):
    """Earlier versions took such names."""
    package_id = uploaded(api, package_bytes, file_name="p.tgz").json["package_id"]
    records.update("packages", package_id, lambda _: {"file_name": "a\r\nX-Evil: 1"})

    answer = api.get(f"{PACKAGES}/download")

    assert answer.status_code == 200
    assert "X-Evil" not in answer.headers

"""The active package."""

import io

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

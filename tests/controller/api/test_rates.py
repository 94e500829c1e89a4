"""The rate at which a client may change something over REST."""

import pytest

from fednet import limits
from fednet.contract import Principal, Role

REGISTER = "/api/v1/clients/register"
RENEW = "/api/v1/clients/renew"


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """A budget of two, before the services are made."""
    monkeypatch.setattr(limits, "client_changes_max", 2)
    monkeypatch.setattr(limits, "client_changes_per_second", 1e-6)


def register(client, name):
    return client.post(REGISTER, json={"name": name, "needs_package": False})


def test_a_client_that_registers_again_and_again_has_to_wait(client_with, records, auditor):
    """Others go on, and it may read meanwhile; what is refused for it is not in the audit log."""
    one, other = (client_with(Principal.of(Role.CLIENT, id_, id_)) for id_ in ("a", "b"))

    statuses = [register(one, "a").status_code for _ in range(20)]
    refused = one.post(RENEW, json={})
    auditor.close()

    assert statuses == [503, 503, *[429] * 18]  # there is no combiner yet
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert register(other, "b").status_code == 503
    assert one.get("/api/v1/packages/checksum").status_code == 404
    entries = [entry for block in records.find("audit") for entry in block["entries"]]
    assert len(entries) <= 8


def test_people_are_not_slowed_down(api):
    """Their requests are in the audit log instead."""
    statuses = {register(api, "a").status_code for _ in range(5)}

    assert statuses == {503}

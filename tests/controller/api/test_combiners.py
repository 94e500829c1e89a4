"""How the clients are spread over the combiners."""

from fednet.controller.presence import Capabilities
from fednet.identity import Claims

COUNT = "/api/v1/combiners/clients/count"


def test_connected_clients_are_counted_by_combiner(api, presence):
    """The fullest first; those without any are left out."""
    able = Capabilities(frozenset(), needs_package=False)
    for combiner, clients in (("c1", "a"), ("c2", "bc"), ("c3", "")):
        presence.combiner_up(combiner, dict.fromkeys(clients, able))

    assert api.post(COUNT, json={}).json == {
        "result": [{"combiner": "c2", "count": 2}, {"combiner": "c1", "count": 1}]
    }
    assert api.post(COUNT, json={"combiners": "c1,c3"}).json == {
        "result": [{"combiner": "c1", "count": 1}]
    }
    assert api.post(COUNT, json={"combiners": ["c1"]}).status_code == 422


def test_a_combiner_can_be_removed(api, presence, registry, admin):
    """Also while it is connected; its name is free again."""
    registry.register_combiner(Claims.of(admin), "old", "10.0.0.1:12080", None)
    presence.combiner_up("old", {})
    path = "/api/v1/combiners/old"

    removed = api.delete(path)

    assert removed.json["success"]
    assert api.get(path).status_code == 404
    assert api.delete(path).status_code == 404

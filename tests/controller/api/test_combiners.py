"""How the clients are spread over the combiners."""

from fednet.controller.presence import Capabilities

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

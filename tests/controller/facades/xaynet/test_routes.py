"""The five routes: their answers before, within and after a round."""

from base64 import b64encode
from urllib.parse import quote

import pytest
from xaynet_participants import crowd, parameters_of

from fednet.controller.facades.xaynet.routes import create_app
from fednet.controller.rest.head import HEAD, HeadCheck
from fednet.xaynet import model_from_bytes, sum_dictionary_from_bytes


@pytest.fixture
def coordinator(table):
    return table.seat()


@pytest.fixture
def http(coordinator, table):
    return create_app(coordinator, table.config.payload_bytes_max).test_client()


def key_of(participant):
    return quote(b64encode(participant.key.public).decode())


def test_a_round_over_http(http, coordinator, weights):
    """Each document is there in its phase; before and after it, the answer is 204."""
    coordinator.step()
    coordinator.step()
    parameters = parameters_of(coordinator)
    (chosen,), updates = crowd(parameters, weights)

    assert http.get("/params").data == parameters.to_bytes()
    assert http.get("/params").mimetype == "application/octet-stream"
    absent = [http.get(path) for path in ("/sums", f"/seeds?pk={key_of(chosen)}", "/model")]
    assert [(each.status_code, each.data) for each in absent] == [(204, b"")] * 3

    http.post("/message", data=chosen.sum_message(parameters))
    coordinator.step()
    sums = http.get("/sums").data
    assert list(sum_dictionary_from_bytes(sums)) == [chosen.key.public]
    for each in updates:
        http.post("/message", data=each.update_message(parameters, sums))
    coordinator.step()
    assert http.get(f"/seeds?pk={key_of(updates[0])}").status_code == 204
    seeds = http.get(f"/seeds?pk={key_of(chosen)}").data
    http.post("/message", data=chosen.sum2_message(parameters, seeds))
    for _ in range(3):
        coordinator.step()

    assert http.get("/sums").status_code == 204
    model = http.get("/model").data
    assert len(model_from_bytes(model, parameters.config, 3)) == 3


def test_every_message_is_answered_with_200(http, coordinator):
    """Xaynet's participants do not learn if a message counts."""
    coordinator.step()
    coordinator.step()

    answers = [http.post("/message", data=body) for body in (b"", b"x" * 200)]

    assert [(each.status_code, each.data) for each in answers] == [(200, b"")] * 2


@pytest.mark.parametrize("query", ["", "?pk=", "?pk=%21", "?pk=AAAA", f"?pk={'A' * 100}"])
def test_a_key_that_is_none_is_refused(http, coordinator, query):
    """It has 32 bytes in base64."""
    coordinator.step()

    assert http.get(f"/seeds{query}").status_code == 400


def test_a_plus_in_a_key_may_be_a_space(http, coordinator):
    """As some clients send it, without quoting."""
    coordinator.step()
    coordinator.step()
    pk = b64encode(b"\xfb\xef\xbe" * 10 + b"\xfb\xef").decode()

    assert "+" in pk
    assert http.get(f"/seeds?pk={pk}").status_code == 204


def test_other_routes_do_not_exist(http):
    """Nothing of the controller's API is served here."""
    assert http.get("/api/v1/sessions/").status_code == 404
    assert http.get("/message").status_code == 405


def test_a_controller_that_does_not_coordinate_answers_503(http):
    """A proxy, or the participant itself, tries again."""
    for path in ("/params", "/sums", "/model", f"/seeds?pk={quote(b64encode(bytes(32)).decode())}"):
        assert http.get(path).status_code == 503
    assert http.post("/message", data=b"x").status_code == 503


def test_the_size_of_a_message_is_bounded(http, coordinator, table):
    """The server is told before the body comes; a longer body is refused."""
    coordinator.step()
    bytes_max = 48 + 136 + table.config.payload_bytes_max
    check = HeadCheck()

    http.post("/message", environ_overrides={HEAD: check})

    assert (check.may_go_on, check.body_bytes_max) == (True, bytes_max)
    assert http.post("/message", data=bytes(bytes_max + 1)).status_code == 413
    elsewhere = HeadCheck()
    assert http.post("/else", environ_overrides={HEAD: elsewhere}).status_code == 404
    assert not elsewhere.may_go_on

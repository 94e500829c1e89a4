"""FEDn's own routes: its verbs, its parameters, its shapes."""

import io
import json

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.client_statuses import ClientStatuses
from fednet.controller.presence import Capabilities
from fednet.errors import FailedPrecondition

FEDN_CONFIG = {
    "aggregator", "aggregator_kwargs", "buffer_size", "clients_requested", "clients_required",
    "committed_at", "delete_models_storage", "helper_type", "model_id", "round_timeout", "rounds",
    "session_id", "task", "validate",
}  # fmt: skip


def upload(api, route, content, **said):
    return api.post(route, data={"file": (io.BytesIO(content), "x.tgz"), **said})


@pytest.fixture
def models(records):
    """A seed and two models of one session, trained one after the other."""
    trail = [("m9", None, None), ("m1", "m9", "s"), ("m2", "m1", "s")]
    for number, (model_id, parent, session_id) in enumerate(trail):
        records.insert(
            "models",
            {
                "id": model_id,
                "parent_id": parent,
                "session_id": session_id,
                "helper": "numpyhelper",
                "committed_at": f"2026-11-21T16:56:0{number}.339439Z",
            },
        )
    records.set_active(model_id="m2")


@pytest.fixture
def client_a(api, presence):
    """A client that is connected."""
    api.post("/api/v1/combiners/register", json={"name": "c1", "address": "127.0.0.1:12080"})
    joined = api.post("/api/v1/clients/register", json={"name": "a", "needs_package": True}).json
    presence.client_joined("c1", joined["id"], Capabilities(frozenset(), needs_package=True))
    return joined


@pytest.fixture
def validations(records):
    """Two models, the first measured by two clients, the second by one."""
    for number, (model_id, loss) in enumerate([("m1", 0.5), ("m1", 1.5), ("m2", 0.25)]):
        metrics = {"loss": loss, "name": "x", "good": True, "curve": [1, 2]}
        records.insert(
            "validations",
            {
                "id": f"v{number}",
                "model_id": model_id,
                "metrics": metrics,
                "timestamp": f"2026-11-21T16:56:0{number}.000000Z",
                "client": {"id": "x", "name": "a"},
                "combiner": "c1",
            },
        )


# Controller, combiners, clients


def test_the_controller_says_what_it_does(api, model_bytes, sessions):
    """Not set up, at rest, or watching a session."""
    before = api.get("/get_controller_status").json
    upload(api, "/set_initial_model", model_bytes())
    at_rest = api.get("/get_controller_status").json
    api.post("/start_session", json={"session_id": "one"})
    running = api.get("/get_controller_status").json
    sessions.change("one", status="FINISHED")

    assert (before, at_rest, running) == (
        {"state": "setup"},
        {"state": "idle"},
        {"state": "monitoring"},
    )
    assert api.get("/get_controller_status").json == {"state": "idle"}


def test_a_client_fetches_the_active_package_alone(api, client_with, package_bytes):
    """Another one is refused, on FEDn's routes as on ours: the packages of its tasks come from its combiner."""
    ids = []
    for _ in "12":
        upload(api, "/set_package", package_bytes, helper="numpyhelper")
        ids.append(api.get("/get_package").json["id"])
    client = client_with(Principal.of(Role.CLIENT, "client-1", "client-1"))
    routes = [
        "/download_package?name={}",
        "/download_package?name=packages/{}",
        "/get_package_checksum?name={}",
        "/api/v1/packages/{}/download",
    ]

    for package_id, code in zip((*ids, "unknown"), (403, 200, 404), strict=True):
        urls = [route.format(package_id) for route in routes]
        assert [client.get(url).status_code for url in urls] == [code] * len(urls)
    assert [api.get(route.format(ids[0])).status_code for route in routes] == [200] * len(routes)


def test_clients_are_told_where_the_network_is(api, package_bytes):
    """The address that was called, and the package's checksum if it is asked for and there."""
    without = api.get("/get_client_config").json
    upload(api, "/set_package", package_bytes, helper="numpyhelper")

    config = api.get("/get_client_config").json

    assert without == {"network_id": "fednet", "discover_host": "localhost", "discover_port": 80}
    assert config == {**without, **api.get("/get_package_checksum").json}
    assert api.get("/get_client_config?checksum=false").json == without


@pytest.mark.usefixtures("client_a")
def test_clients_are_listed_by_their_names(api):
    """All, those with a status, or those that are connected to a combiner."""
    listed = api.get("/list_clients").json

    assert listed["count"] == 1
    assert set(listed["result"][0]) == {
        "id", "combiner", "combiner_preferred", "ip", "status", "last_seen",
    }  # fmt: skip
    assert listed["result"][0]["id"] == "a"
    assert api.get("/list_clients?status=offline").json == {"count": 0, "result": []}


def test_active_clients_are_those_that_are_online(api, client_a, records):
    """FEDn fails here; it asks for a combiner."""
    none = api.get("/get_active_clients?combiner=c1").json
    statuses = ClientStatuses(records)
    statuses.online(client_a["id"], "c1")
    statuses.write()

    assert none == {"count": 0, "result": []}
    assert api.get("/get_active_clients?combiner=c1").json["count"] == 1
    assert api.get("/get_active_clients").status_code == 422


@pytest.mark.usefixtures("client_a")
def test_combiners_are_listed_and_shown(api):
    """Without any secret."""
    listed = api.get("/list_combiners").json
    shown = api.get("/get_combiner?combiner=c1").json

    assert [set(each) for each in listed["result"]] == [{"name", "updated_at"}]
    assert set(shown["c1"]) == {"address", "fqdn", "parent_reducer", "port", "updated_at"}
    assert api.get("/get_combiner?combiner=c2").status_code == 404


@pytest.mark.usefixtures("client_a")
def test_the_clients_of_combiners_are_counted(api):
    """Of those that are named, or of all; combiners without clients are left out."""
    everything = {"result": [{"combiner": "c1", "count": 1}]}

    assert api.post("/list_combiners_data", json={"combiners": ["c1"]}).json == everything
    assert api.post("/list_combiners_data", json={}).json == everything
    assert api.post("/list_combiners_data", json={"combiners": ["c2"]}).json == {"result": []}


def test_fedns_own_clients_and_combiners_are_sent_to_ours(client_with):
    """They may ask with their own tokens, and hear which program to start: clients show the message of a 400 alone."""
    client = client_with(Principal.of(Role.CLIENT, "id", "a"))
    combiner = client_with(Principal.of(Role.COMBINER, "id", "c"))

    refused = [
        client.post("/add_client", json={"client_id": "a"}),
        client.post("/api/v1/clients/add", json={"client_id": "a"}),
        combiner.post("/add_combiner", json={"combiner_id": "c"}),
    ]

    assert [each.status_code for each in refused] == [400, 400, 501]
    assert [each.json["code"] for each in refused] == ["bad_request"] * 2 + ["not_implemented"]
    assert "fednet client start" in refused[0].json["message"]
    assert "fednet combiner start" in refused[2].json["message"]


def test_the_configuration_names_the_address_that_was_called(api):
    """The port too, where the scheme says it."""
    config = "/api/v1/clients/config?checksum=false"
    at_a_port = api.get(config, base_url="http://host:8092").json
    over_https = api.get(config, base_url="https://host").json

    assert at_a_port == {"network_id": "fednet", "discover_host": "host", "discover_port": 8092}
    assert over_https["discover_port"] == 443


# Models


def test_an_uploaded_model_is_the_latest_and_the_first(api, model_bytes):
    """Before there is one, there is no first; nothing but a model passes."""
    none = api.get("/get_initial_model").json
    refused = upload(api, "/set_initial_model", b"x")

    answer = upload(api, "/set_initial_model", model_bytes())

    assert none == {"model_id": None}
    assert (refused.status_code, refused.json["success"]) == (400, False)
    assert answer.json == {"success": True, "message": "Initial model added successfully."}
    assert api.get("/get_initial_model").json == api.get("/get_latest_model").json


@pytest.mark.usefixtures("models")
def test_models_are_listed_newest_first(api):
    """With the time as FEDn writes it, and on demand with the word whether each is active."""
    listed = api.get("/list_models?limit=1").json
    flagged = api.get("/list_models?include_active=true&session_id=s").json

    assert listed["count"] == 3
    assert listed["result"] == [
        {"model": "m2", "session_id": "s", "committed_at": "Sat, 21 Nov 2026 16:56:02 GMT"}
    ]
    assert [(each["model"], each["active"]) for each in flagged["result"]] == [
        ("m2", True),
        ("m1", False),
    ]


@pytest.mark.usefixtures("models")
def test_a_model_tells_its_family(api):
    """Its parent, the chain of parents, and what came from it."""
    assert api.get("/get_model?model=m1").json == {
        "model": "m1",
        "parent_model": "m9",
        "session_id": "s",
        "committed_at": "Sat, 21 Nov 2026 16:56:01 GMT",
    }
    up = api.get("/get_model_ancestors?model=m2").json["result"]
    down = api.get("/get_model_descendants?model=m9&limit=1").json["result"]
    assert [each["model"] for each in up] == ["m1", "m9"]
    assert [each["model"] for each in down] == ["m1"]
    assert api.get("/get_model?model=nope").status_code == 404


@pytest.mark.usefixtures("models")
def test_the_trail_ends_with_the_model_that_is_active(api):
    """Oldest first, with the time of each."""
    activated = api.put("/set_current_model?id=m1")

    trail = api.get("/get_model_trail").json

    assert activated.json["success"] is True
    assert list(trail.items()) == [
        ("m9", "2026-11-21 16:56:00.339439"),
        ("m1", "2026-11-21 16:56:01.339439"),
    ]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_trail_is_not_deleted(api, method):
    """As in FEDn."""
    assert api.open("/delete_model_trail", method=method).status_code == 501


# Packages


def test_a_package_is_set_shown_and_fetched(api, client_with, package_bytes):
    """A client may fetch it with its own token."""
    answer = upload(api, "/set_package", package_bytes, helper="numpyhelper", name="p")
    client = client_with(Principal.of(Role.CLIENT, "id", "a"))

    shown = api.get("/get_package").json

    assert answer.json == {"success": True, "message": "Compute package set."}
    assert set(shown) == {
        "id", "name", "description", "file_name", "helper", "storage_file_name", "committed_at",
    }  # fmt: skip
    assert (shown["name"], shown["file_name"]) == ("p", "x.tgz")
    for query in ("", f"?name={shown['storage_file_name']}"):
        assert client.get(f"/download_package{query}").data == package_bytes
        assert len(client.get(f"/get_package_checksum{query}").json["checksum"]) == 64
    assert api.get("/download_package?name=../x").status_code == 404


def test_packages_are_listed_and_another_is_made_active(api, package_bytes):
    """With the word whether each is active, if asked."""
    for name in ("p", "q"):
        upload(api, "/set_package", package_bytes, helper="numpyhelper", name=name)
    first = api.get("/list_compute_packages").json["result"][-1]

    activated = api.put(f"/set_active_package?id={first['id']}")

    flagged = api.get("/list_compute_packages?include_active=true&limit=5&skip=0").json
    assert activated.json["success"] is True
    assert "active" not in first
    assert [(each["name"], each["active"]) for each in flagged["result"]] == [
        ("q", False),
        ("p", True),
    ]


# Sessions and rounds


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_session_is_started_with_fedns_answer(api, method):
    """FEDn passes over how many clients are requested; so it may be fewer than are required."""
    asked = {"session_id": "one", "rounds": 3, "min_clients": 9, "validate": "true"}

    answer = api.open("/start_session", method=method, json=asked)

    assert answer.json["success"] is True
    assert answer.json["message"] == "Session started successfully."
    assert set(answer.json["config"]) == FEDN_CONFIG
    assert answer.json["config"]["rounds"] == 3
    assert answer.json["config"]["clients_requested"] == 9


def test_a_start_that_is_refused_answers_200(api, services, monkeypatch):
    """As FEDn does; programs read `success`."""

    def refuse(*_):
        raise FailedPrecondition("Not enough clients available to start session: 0.")

    api.post("/start_session", json={"session_id": "one"})
    again = api.post("/start_session", json={"session_id": "one"})
    monkeypatch.setattr(services.sessions, "start", refuse)
    lonely = api.post("/start_session", json={})

    assert (again.status_code, lonely.status_code) == (200, 200)
    assert again.json == {"success": False, "message": "Session already exists."}
    assert lonely.json["success"] is False
    assert lonely.json["message"].startswith("Not enough clients available")
    assert api.post("/start_session", json={"rounds": 0}).status_code == 422


def test_sessions_are_listed_and_shown_by_their_configuration(api, sessions):
    """The status in FEDn's spelling."""
    api.post("/start_session", json={"session_id": "one"})
    sessions.change("one", status="FINISHED")

    listed = api.get("/list_sessions").json
    shown = api.get("/get_session?session_id=one").json

    assert listed == {"count": 1, "result": [shown["one"]]}
    assert set(shown["one"]) == FEDN_CONFIG
    assert shown["status"] == "Finished"
    assert api.get("/get_session?session_id=two").status_code == 404


def test_rounds_are_shown_by_their_numbers(api, records, monkeypatch):
    """Each with what its combiners did; the list is read page by page."""
    monkeypatch.setattr(limits, "page_items_max", 1)
    for number in ("1", "2"):
        records.insert("rounds", {"round_id": number, "combiners": []})

    assert api.get("/list_rounds").json == {
        "1": {"combiners": [], "reducer": None},
        "2": {"combiners": [], "reducer": None},
    }
    assert api.get("/get_round?round_id=2").json == {"round_id": "2", "combiners": []}
    assert api.get("/get_round?round_id=3").status_code == 404


# Events, validations, the plot


def test_events_are_filtered_by_either_spelling(api, records):
    """And shown in FEDn's; what is no field is refused."""
    for number, level in enumerate(["INFO", "AUDIT"]):
        records.insert(
            "statuses",
            {
                "id": f"s{number}",
                "type": "LOG",
                "log_level": level,
                "session_id": "one",
                "task_id": "",
                "timestamp": "2026-11-21T16:56:00.000000Z",
                "message": "x",
                "details": {},
                "source": {"kind": "client", "name": "a", "id": "x"},
            },
        )

    answer = api.get("/get_events?logLevel=INFO&sessionId=one&sender.name=a&limit=5&skip=0").json

    assert answer["count"] == 1
    assert set(answer["result"][0]) == {
        "correlationId", "data", "extra", "logLevel", "sender", "sessionId", "status", "timestamp",
        "type",
    }  # fmt: skip
    assert api.get("/get_events?log_level=AUDIT").json["count"] == 1
    assert api.get("/get_events?limit=1").json["count"] == 2
    assert api.get("/get_events?$where=1").status_code == 400


@pytest.mark.usefixtures("validations")
def test_validations_are_listed_by_their_ids(api):
    """Filtered by either spelling."""
    answer = api.get("/list_validations?modelId=m2").json

    assert list(answer) == ["v2"]
    assert set(answer["v2"]) == {"model_id", "data", "timestamp", "meta", "sender", "receiver"}
    assert len(api.get("/list_validations").json) == 3
    assert api.get("/list_validations?bogus=1").status_code == 400


@pytest.mark.usefixtures("validations")
def test_the_box_plot_shows_how_clients_differ(api):
    """A box for each model, in the order of their validations, and a line through the means."""
    answer = api.get("/get_plot_data").json

    figure = json.loads(answer["box_plot"])
    assert answer["valid_metrics"] == ["loss"]
    assert [(trace["type"], trace["y"]) for trace in figure["data"]] == [
        ("box", [0.5, 1.5]),
        ("box", [0.25]),
        ("scatter", [1.0, 0.25]),
    ]
    assert "loss" in figure["layout"]["title"]["text"]
    assert api.get("/get_plot_data?feature=loss").json == answer


def test_the_box_plot_survives_whatever_is_stored(records, api):
    """An older version let clients report integers of any length, and names that are no Unicode."""
    odd = [10**4000, None, True, "x", [1], {"y": 1}, 1.7e308, 1.7e308, 0.5]
    for number, value in enumerate(odd):
        records.insert(
            "validations",
            {
                "id": f"odd-{number}",
                "model_id": "m",
                "session_id": "s",
                "timestamp": f"2026-01-01T00:00:{number:02}+00:00",
                "metrics": {"loss": value, "\ufffd": 1},
            },
        )

    answer = api.get("/get_plot_data?feature=loss")

    assert answer.status_code == 200
    assert answer.json["valid_metrics"] == ["\ufffd", "loss"]
    box, means = json.loads(answer.json["box_plot"])["data"]
    assert box["y"] == [1.7e308, 1.7e308, 0.5]
    assert means["y"] == [pytest.approx(1.7e308 / 3 * 2)]


def test_the_box_plot_is_empty_while_there_is_nothing_to_show(api):
    """It says so."""
    answer = api.get("/get_plot_data?feature=bogus").json

    assert answer["valid_metrics"] == []
    assert json.loads(answer["box_plot"])["data"] == []

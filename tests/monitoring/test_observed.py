"""A session on real processes that tell all that they can, on every store: its traces, its logs, and no secrets."""

import json
import re
from urllib.parse import quote

import pytest
from click.testing import CliRunner
from observed_network import ObservedNetwork
from servers import postgresql, s3

from fednet.cli import main

pytestmark = pytest.mark.timeout(600)

TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}")
SIGNATURE = re.compile(r"X-Amz-(?:Signature|Credential)=")
FAILING = "echo no data here >&2; exit 3\n"
STORES = (
    "sqlite-folder",
    pytest.param("postgresql-s3", marks=pytest.mark.slow),
    pytest.param("mongodb-folder", marks=pytest.mark.slow),
)


@pytest.fixture
def stores(request):
    """Give the state store and the blob store that a name stands for."""
    state, blobs = request.param.split("-")
    return {
        "state_store": (state != "sqlite" and request.getfixturevalue(f"{state}_url")) or None,
        "blob_store": request.getfixturevalue("s3_url") if blobs == "s3" else None,
    }


def spans_of(network, name):
    return [(service, span) for service, span in network.traces.spans if span.name == name]


def facts_of(span):
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


def check_traces(network, rounds):
    """One round is one trace, with spans of all three components below each other."""
    found = {span.trace_id for _, span in network.traces.spans}
    by_id = {span.span_id: span for _, span in network.traces.spans}
    expected = {
        "round": ("fednet-controller", None, 1),
        "phase": ("fednet-combiner", "round", 1),
        "reduce": ("fednet-combiner", "round", 1),
        "fold": ("fednet-combiner", "phase", 2),
        "task": ("fednet-client", "phase", 2),
        "download": ("fednet-client", "task", 2),
        "train": ("fednet-client", "task", 2),
        "upload": ("fednet-client", "task", 2),
    }
    assert len(found) == rounds
    assert len(by_id) == len(network.traces.spans)
    for trace_id in found:
        spans = [(one, span) for one, span in network.traces.spans if span.trace_id == trace_id]
        assert {span.name for _, span in spans} == set(expected)
        for name, (service, parent, count) in expected.items():
            of_name = [(one, span) for one, span in spans if span.name == name]
            assert [one for one, _ in of_name] == [service] * count, name
            parents = {
                by_id[s.parent_span_id].name if s.parent_span_id else None for _, s in of_name
            }
            assert parents == {parent}
            assert all(0 < s.start_time_unix_nano <= s.end_time_unix_nano for _, s in of_name)
        assert len({facts_of(span)["fednet.round"] for _, span in spans}) == 1


def check_logs(network):
    """Each component's line about a task has the session, the round, the task and the client."""
    for component, words in {"combiner-1": "is answered", "client-1": "has ended"}.items():
        lines = [line for name, line in network.lines if name == component]
        found = [line for line in lines if words in line["message"]]
        assert len(found) >= 2, component
        for line in found:
            assert (line["session"], line["round"]) in {
                ("observed", 1),
                ("observed", 2),
                ("failing", 1),
            }
            assert line["task"] in line["message"]
            assert line["client"]
    of_controller = [line for name, line in network.lines if name == "controller"]
    begins = [line for line in of_controller if "round 1 begins" in line["message"]]
    about = [(line["session"], line["round"]) for line in begins]
    assert about == [("observed", 1), ("failing", 1)]
    assert any("session" not in line for line in of_controller)


def secrets_of(network):
    """The values that nobody may read in a log, an answer or a command line, by what they are."""
    folder = network.folder
    found = {
        "PostgreSQL's and MongoDB's password": postgresql.PASSWORD,
        "the object store's key": s3.SECRET_KEY,
        "the admin token": network.token,
        "the signing key": "".join(
            (folder / "controller/signing.key").read_text().split("\n")[1:2]
        ),
    }
    for path in folder.glob("*/credentials-*.json"):
        found[path.name] = json.loads(path.read_text())["token"]
    assert len(found) == 7
    assert all(len(value) >= 10 for value in found.values())
    return found


def leaks(text, secrets):
    """The names of the secrets that stand in a text, as they are or encoded for a URL or in JSON."""
    forms = lambda value: {value, quote(value, safe=""), json.dumps(value)[1:-1]}  # noqa: E731
    named = [name for name, value in secrets.items() if any(form in text for form in forms(value))]
    patterns = {"a token": TOKEN, "a presigned URL": SIGNATURE}
    return named + [name for name, pattern in patterns.items() if pattern.search(text)]


def scraped(network):
    """Return the controller's metrics, as a collector with a token of its own reads them."""
    words = ("--role", "monitor", "--name", "prometheus")
    folder = ("--data-dir", str(network.folder / "controller"))
    made = CliRunner().invoke(main, ["token", "create", *words, *folder])
    answer = network.ask("/metrics", made.stdout.strip())
    assert answer.ok, answer.text
    return answer.text


def provoke_errors(network, stores):
    """Ask for everything that a GET shows, and for what is refused."""
    document = network.ask("/openapi.json").json()
    for path, operations in document["paths"].items():
        if "get" in operations and "{" not in path and "feed" not in path:
            network.ask(path)
    network.ask("/api/v1/sessions/", token=network.token[:-4] + "AAAA")
    network.ask(
        "/api/v1/auth/login", method="POST", json={"username": "x", "password": postgresql.PASSWORD}
    )
    network.ask("/api/v1/sessions/", method="POST", json={"session_id": 5})
    network.start_in_vain(state_store=_elsewhere(stores["state_store"]))
    network.start_in_vain(blob_store=f"s3://k:{quote(s3.SECRET_KEY, safe='')}@127.0.0.1:1/b")


def _elsewhere(url):
    """Return the URL of a store with a password where none answers."""
    kind = "mongodb" if url and url.startswith("mongodb") else "postgresql"
    return f"{kind}://fednet:{quote(postgresql.PASSWORD, safe='')}@127.0.0.1:1/x"


@pytest.mark.parametrize("stores", STORES, indirect=True)
def test_a_session_tells_its_rounds_and_no_secrets(stores, tmp_path):
    """Traces, logs and metrics are whole, and no output, answer or command line has a secret."""
    with ObservedNetwork(tmp_path, **stores) as network:
        assert network.run_session()["status"] == "FINISHED"
        pages = {**network.pages(), "controller": scraped(network)}
        assert network.run_session("failing", 1, FAILING)["status"] == "FAILED"
        provoke_errors(network, stores)
        network.stop()

    check_logs(network)
    secrets = secrets_of(network)
    assert {
        name: found for name, log in network.logs.items() if (found := leaks(log, secrets))
    } == {}
    assert [line for line in network.command_lines if leaks(line, secrets)] == []
    assert [span.name for _, span in network.traces.spans if leaks(str(span), secrets)] == []
    assert any("train.sh" in line or "combiner start" in line for line in network.command_lines)
    assert {a.url: found for a in network.answers if (found := leaks(a.text, secrets))} == {}
    assert {name: found for name, page in pages.items() if (found := leaks(page, secrets))} == {}
    assert 'fednet_controller_rounds_total{outcome="finished"} 2.0' in pages["controller"]
    assert 'fednet_combiner_tasks_total{kind="TRAIN",outcome="answered"} 4.0' in pages["combiner-1"]
    assert 'fednet_client_tasks_total{kind="TRAIN",outcome="answered"} 2.0' in pages["client-1"]
    failed = [span for _, span in spans_of(network, "round") if span.status.message]
    assert len(failed) == 1
    network.traces.spans = [
        each for each in network.traces.spans if each[1].trace_id != failed[0].trace_id
    ]
    check_traces(network, rounds=2)


@pytest.mark.parametrize("form", [str, lambda value: quote(value, safe=""), json.dumps])
def test_a_planted_secret_is_found(form):
    """So the search can fail: each form of a secret, a token of anybody, and a presigned URL."""
    secrets = {"a password": postgresql.PASSWORD}

    assert leaks(f"connecting with {form(postgresql.PASSWORD)} …", secrets) == ["a password"]
    assert leaks("Bearer eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0abc.c2lnbmF0dXJl-x", {}) == ["a token"]
    assert leaks("GET /b/k?X-Amz-Signature=ab", {}) == ["a presigned URL"]
    assert leaks("nothing of interest", secrets) == []

"""Whole networks over TLS: who is let in, who is not, and what each is told."""

import contextlib
import socket
import ssl
import threading

import numpy as np
import pytest
from click.testing import CliRunner

from fednet.api_client import APIClient
from fednet.cli import main
from fednet.controller.server import Controller
from fednet.errors import FailedPrecondition, FednetError, Unavailable
from fednet.http import Http
from fednet.limits import start_seconds_max
from fednet.parameters import write_model
from fednet.rpc import open_channel, rpc_errors
from fednet.settings import ControllerSettings
from fednet.storage import open_blobs
from fednet.testing import Network
from fednet.tls import CallerTLS
from fednet.wire import models_pb2, models_pb2_grpc

SECONDS = 200


class Site:
    """A client's code: it adds one, and may be held up."""

    def __init__(self):
        self.is_training, self.may_train = threading.Event(), threading.Event()
        self.may_train.set()

    def train(self, parameters, _settings):
        self.is_training.set()
        assert self.may_train.wait(SECONDS)
        return [array + 1 for array in parameters], {"num_examples": 1}


@pytest.fixture
def network(tmp_path):
    """Give a function that starts a network with a model."""
    with contextlib.ExitStack() as running:

        def start(tls, **how):
            net = running.enter_context(Network(data_dir=tmp_path / "network", tls=tls, **how))
            write_model(tmp_path / "seed.npz", [np.zeros(2, np.float32)])
            assert net.api.set_active_model(str(tmp_path / "seed.npz"))["success"]
            return net

        yield start


def trained(net, rounds=2):
    session = net.api.start_session(rounds=rounds, validate=False)
    return net.api.wait_session(session["session_id"], timeout=SECONDS)["status"]


def rest_refusal(net, tls):
    """Return the error of a REST call; None if it is answered."""
    try:
        with contextlib.closing(Http(net.api_url, net.token, retries_max=0, tls=tls)) as http:
            http.call("GET", "/api/v1/combiners/")
    except FednetError as error:
        return error
    return None


def rpc_refusal(address, tls):
    """Return the error of a call of a combiner that never gets as far as its token."""
    channel = open_channel(address, "no token", tls)
    try:
        with rpc_errors():
            models_pb2_grpc.ModelsStub(channel).Received(
                models_pb2.UploadId(task_id="t"), timeout=SECONDS
            )
    except FednetError as error:
        return error
    finally:
        channel.close()
    return None


def test_a_session_trains_over_tls_and_strangers_are_told_what_they_lack(
    network, paper, strange_paper
):
    """Clear text, and an authority that they do not trust; nobody falls back to clear text."""
    net = network(paper.server)
    net.add_client("site", train=Site().train)
    combiner = net._combiners["combiner-1"].address

    assert net.api_url.startswith("https://")
    assert trained(net) == "FINISHED"
    assert net.api.get_combiners()["result"][0]["tls"]

    untrusting = rest_refusal(net, CallerTLS(strange_paper.ca))
    assert isinstance(untrusting, FailedPrecondition)
    assert untrusting.field == "ca"
    assert net.api_url in untrusting.message
    assert "FEDNET_CA" in untrusting.message
    assert "FEDNET_CA" in rest_refusal(net, CallerTLS()).message

    untrusting = rpc_refusal(combiner, CallerTLS(strange_paper.ca))
    assert isinstance(untrusting, Unavailable)
    assert "FEDNET_CA" in untrusting.message
    assert "speaks TLS" in rpc_refusal(combiner, None).message
    assert rpc_refusal(combiner, CallerTLS(paper.ca)).code == "unauthenticated"


def test_with_mutual_tls_nobody_gets_in_without_a_certificate_of_the_networks_authority(
    network, paper, strange_paper, expired_paper
):
    """Neither at the controller nor at a combiner, whatever their token says."""
    net = network(paper.mutual)
    net.add_client("site", train=Site().train)
    combiner = net._combiners["combiner-1"].address
    theirs = strange_paper.of_client()
    strangers = {
        "none": CallerTLS(paper.ca),
        "of another authority": CallerTLS(
            paper.ca, theirs["certificate"], theirs["certificate_key"]
        ),
        "expired": CallerTLS(*expired_paper.of_client().values()),
    }

    assert trained(net) == "FINISHED"
    assert rest_refusal(net, CallerTLS(*paper.of_client().values())) is None
    for stranger in strangers.values():
        assert "FEDNET_CERTIFICATE" in rest_refusal(net, stranger).message
        assert "FEDNET_CERTIFICATE" in rpc_refusal(combiner, stranger).message


def test_an_expired_certificate_of_a_server_is_refused(network, paper, expired_paper):
    """By a caller of REST, and by a controller that calls a combiner."""
    with pytest.raises(FailedPrecondition, match="expired"):
        network(expired_paper.server)

    net = network(paper.server, combiners=0)
    expired = {
        "tls_certificate": expired_paper.servers.certificate,
        "tls_key": expired_paper.servers.key,
    }
    net._tls = {**paper.server, **expired}
    net._wait_until_followed = lambda _: None
    address = net.add_combiner("combiner-1")

    assert "not trusted" in rpc_refusal(address, CallerTLS(paper.ca)).message
    assert not net._controller.presence.connected()


@pytest.fixture(scope="module")
def shared_network(paper, tmp_path_factory):
    with Network(data_dir=tmp_path_factory.mktemp("shared"), tls=paper.server) as net:
        yield net


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
@pytest.mark.parametrize(
    ("version", "is_spoken"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
    ids=str,
)
def test_tls_1_2_is_the_oldest_version_of_all_servers(shared_network, paper, version, is_spoken):
    """Of the controller and of the combiner. A server that speaks all versions is the proof that the caller does."""
    assert speaks(any_version(paper), paper.ca, version)
    for address in (shared_network.api_url, shared_network._combiners["combiner-1"].address):
        assert speaks(dial(address), paper.ca, version) is is_spoken


def any_version(paper):
    """Return a connection to a server of the test's own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.load_cert_chain(paper.servers.certificate, paper.servers.key)
    caller, server = socket.socketpair()
    threading.Thread(
        target=lambda: context.wrap_socket(server, server_side=True).close(), daemon=True
    ).start()
    return caller


def dial(address):
    host, _, port = address.rpartition("/")[2].rpartition(":")
    return socket.create_connection((host, int(port)), SECONDS)


def speaks(connection, ca, version):
    """Return True if the server at the other end completes a handshake of this version."""
    context = ssl.create_default_context(cafile=ca)
    context.set_ciphers("ALL:@SECLEVEL=0")  # else this OpenSSL itself refuses the older version
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with connection, context.wrap_socket(connection, server_hostname="127.0.0.1"):
            return True
    except (ssl.SSLError, ConnectionResetError):
        return False


def served(address, ca):
    """Return the certificate that a server shows to a new connection."""
    context = ssl.create_default_context(cafile=ca)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with dial(address) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
        return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True))


def test_new_certificates_are_shown_at_once_and_running_streams_go_on(network, paper, tmp_path):
    """A round that is under way ends on the streams that it began on."""
    own = paper.copied(tmp_path / "own")
    net, site = network(own.server), Site()
    net.add_client("site", train=site.train)
    servers = (net.api_url, net._combiners["combiner-1"].address)
    before = {served(each, own.ca) for each in servers}
    site.may_train.clear()
    session = net.api.start_session(rounds=1, validate=False)
    assert site.is_training.wait(SECONDS)
    streams = net._clients["site"]._agent._connection._number

    own.renew()
    after = {served(each, own.ca) for each in servers}
    site.may_train.set()

    assert after == {own.servers.certificate.read_text()} != before
    ended = net.api.wait_session(session["session_id"], timeout=SECONDS)
    assert ended["status"] == "FINISHED"
    assert net._clients["site"]._agent._connection._number == streams


def test_a_caller_reads_its_files_anew_for_a_new_connection(
    network, paper, strange_paper, tmp_path
):
    """So a new authority is trusted without a restart: here by a controller, of a combiner that comes back."""
    own = paper.copied(tmp_path / "own")
    net = network({**own.server})
    net.remove_combiner("combiner-1")
    both = strange_paper.ca.read_bytes() + paper.ca.read_bytes()
    own.ca.write_bytes(both)

    net._tls |= {
        "tls_certificate": strange_paper.servers.certificate,
        "tls_key": strange_paper.servers.key,
    }
    net.add_combiner("combiner-1")  # waits until the controller follows it

    assert "combiner-1" in net._controller.presence.connected()


def test_controllers_reach_each_other_over_https(network, paper, tmp_path):
    """What only the driver of a session can do, asked of the other one; and the feed that wakes those who wait."""
    stores = {
        "state_store": f"sqlite:///{tmp_path}/state.db",
        "blob_store": f"file://{tmp_path}/blobs",
    }
    net, site = network(paper.server, **stores), Site()
    other = Controller.start(
        ControllerSettings(
            name="other", port=0, data_dir=tmp_path / "other", **stores, **paper.server
        )
    )
    try:
        assert other.presence.wait_for_combiner("combiner-1", start_seconds_max)
        net.add_client("site", train=site.train)
        site.may_train.clear()
        with APIClient(other.api_url, token=other.token, ca=paper.ca) as api:
            session = net.api.start_session(rounds=3, validate=False)["session_id"]
            assert site.is_training.wait(SECONDS)
            paused = api.pause_session(session)
            site.may_train.set()
            api.stop_session(session)
            ended = api.wait_session(session, timeout=SECONDS)
    finally:
        other.stop()

    assert paused["status"] == "PAUSED"
    assert ended["status"] == "TERMINATED"


def test_the_object_store_is_reached_over_https_with_the_same_authority(
    network, paper, strange_paper, s3_over_tls
):
    """By the controller, by the combiner, and by a client that transfers its files straight there."""
    url = s3_over_tls.url(s3_over_tls.new_bucket())
    net = network(paper.server, blob_store=url)
    net.add_client("site", train=Site().train, transfer="object-store")

    assert "secure=true" in url
    assert trained(net) == "FINISHED"
    with pytest.raises(FailedPrecondition, match="FEDNET_CA") as refused:
        open_blobs(url, tls=CallerTLS(strange_paper.ca))
    assert refused.value.field == "ca"


def test_a_token_of_this_machines_network_is_found_with_its_authority(
    network, paper, monkeypatch, tmp_path
):
    """So nothing but the data folder needs to be known, over TLS too; a network that is named keeps its authority."""
    net = network(paper.server)

    def run(*words):
        return CliRunner().invoke(main, [*map(str, words)])

    named = run(
        *("network", "add", "lab", "--url", net.api_url, "--token", net.token, "--ca", paper.ca)
    )
    used = run("network", "use", "lab")
    listed = run("network", "status")
    run("network", "use")
    monkeypatch.setenv("FEDNET_DATA_DIR", str(tmp_path / "network"))

    assert (named.exit_code, used.exit_code, listed.exit_code) == (0, 0, 0), listed.output
    with APIClient() as api:
        assert api.api_url == net.api_url
        assert api.get_combiners()["count"] == 1

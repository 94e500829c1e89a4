"""The rule for servers without TLS, and files of TLS that are read again when they change."""

import logging
import ssl

import pytest

from fednet.errors import InvalidInput
from fednet.settings import ClientSettings, CombinerSettings, ControllerSettings, load
from fednet.tls import CallerTLS, ServerFiles, ServerTLS, check_exposure

COMBINER = {"name": "a", "api_url": "http://127.0.0.1:8092"}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_loopback_needs_no_tls(host):
    """Nobody else reads what goes there."""
    check_exposure(host, has_tls=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "2001:db8::7", "controller"])
@pytest.mark.parametrize("kind", [ControllerSettings, CombinerSettings])
def test_another_host_needs_tls_or_a_word_that_it_has_none(kind, host, paper):
    """The error names the three ways, and each of them is one."""
    given = COMBINER if kind is CombinerSettings else {}

    with pytest.raises(InvalidInput) as refused:
        kind(host=host, **given)

    assert refused.value.field == "host"
    assert all(
        flag in refused.value.message
        for flag in ("--tls-certificate", "--behind-proxy", "--insecure")
    )
    for way in ({"insecure": True}, {"behind_proxy": True}, paper.server):
        assert kind(host=host, **given, **way).host == host


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tls_certificate": "/a"}, "tls_key"),
        ({"tls_key": "/a"}, "tls_certificate"),
        ({"tls_client_ca": "/a"}, "tls_certificate"),
        ({"certificate": "/a"}, "certificate_key"),
        ({"certificate_key": "/a"}, "certificate"),
        ({"ca": "/nowhere"}, "ca"),
        ({"certificate": "/nowhere", "certificate_key": "/nowhere"}, "certificate"),
    ],
)
def test_files_that_are_missing_are_refused_by_their_setting(given, field):
    """Half a pair among them."""
    with pytest.raises(InvalidInput) as refused:
        ControllerSettings(**given)

    assert refused.value.field == field


def test_one_variable_names_the_authorities_for_all_components(monkeypatch, paper):
    """As FEDNET_URL names the controllers; a component's own variable wins."""
    monkeypatch.setenv("FEDNET_CA", str(paper.ca))
    monkeypatch.setenv("FEDNET_URL", "https://127.0.0.1:8092")
    monkeypatch.setenv("FEDNET_CLIENT_NAME", "a")

    assert load(ControllerSettings).ca == load(ClientSettings).ca == paper.ca
    monkeypatch.setenv("FEDNET_CLIENT_CA", str(paper.servers.certificate))
    assert load(ClientSettings).ca == paper.servers.certificate


@pytest.mark.parametrize(
    ("settings", "announces"),
    [
        ({}, (False, False)),
        ({"behind_proxy": True}, (False, True)),
        ({"behind_proxy": True, "advertise_tls": False}, (False, False)),
        ({"behind_proxy": True, "advertise_tls": True}, (True, True)),
    ],
)
def test_a_server_behind_a_proxy_announces_that_of_the_proxy(settings, announces):
    """A combiner by itself, because its clients come through the proxy; a controller's peers may not."""
    controller = ControllerSettings(**settings).announces_tls
    combiner = CombinerSettings(**COMBINER, **settings).announces_tls

    assert (controller, combiner) == announces


@pytest.fixture
def own(paper, tmp_path):
    return paper.copied(tmp_path / "own")


def files_of(paper):
    return ServerFiles(ServerTLS(paper.servers.certificate, paper.servers.key, paper.ca))


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(own):
    """The very object, so that nobody loads it for each connection."""
    files = files_of(own)
    first = files.newest()

    assert files.newest() is first
    own.renew()
    assert files.newest().certificate == own.servers.certificate.read_bytes() != first.certificate


@pytest.mark.parametrize("broken", ["", "half", "no key of it"])
def test_a_broken_new_file_leaves_the_earlier_one_in_use_with_one_warning(own, caplog, broken):
    """Until it is whole; a certificate without its key is as broken."""
    files = files_of(own)
    first = files.newest()
    path = own.servers.certificate
    whole = path.read_bytes()

    path.write_bytes(
        own.ca.read_bytes()
        if broken == "no key of it"
        else whole[: len(whole) // 2 if broken else 0]
    )
    with caplog.at_level(logging.WARNING, "fednet.tls"):
        assert files.newest() is first
        assert files.newest() is first

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "stays in use" in caplog.text
    own.renew()
    assert files.newest().certificate == path.read_bytes()


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(own):
    """A server has no terminal."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(own.servers.key.read_bytes(), None)
    own.servers.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    with pytest.raises(InvalidInput, match="without a password"):
        files_of(own)


def test_a_caller_speaks_at_least_tls_1_2(paper):
    """The older versions are deprecated."""
    assert CallerTLS(paper.ca).context().minimum_version is ssl.TLSVersion.TLSv1_2

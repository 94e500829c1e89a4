"""Named networks, and which one is spoken to."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from fednet import APIClient
from fednet.environment import default_data_dir, networks_file
from fednet.errors import AlreadyExists, FailedPrecondition, InvalidInput, NotFound
from fednet.identity import (
    NamedNetwork,
    NamedNetworks,
    find_network,
    find_tls,
    read_named_networks,
    write_local_network,
    write_named_networks,
)
from fednet.tls import CallerTLS

LAB = NamedNetwork("lab", "http://lab:8092", "lab-token")
SITE = NamedNetwork("site", "http://site:8092", "site-token")


@pytest.fixture(autouse=True)
def _clean_config(monkeypatch, tmp_path):
    """A config folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg-config"))


@pytest.fixture
def everywhere():
    """A network in use, and a controller of this machine."""
    write_named_networks(NamedNetworks((LAB, SITE), in_use="lab"))
    write_local_network(default_data_dir(), "http://local:8092", "local-token")


def test_what_is_written_is_read_again():
    """In its order; the file is its owner's alone."""
    named = NamedNetworks((SITE, LAB), in_use="lab")

    write_named_networks(named)

    assert read_named_networks() == named
    assert stat.S_IMODE(networks_file().stat().st_mode) == 0o600


def test_where_there_is_no_file_there_are_no_networks():
    """Nobody has named one yet."""
    assert read_named_networks() == NamedNetworks()


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"in_use": "lab", "networks": {}}', '{"networks": {"a": 1}}', "\\"]
)
def test_a_broken_file_is_named(content):
    """Silently speaking to another network would be worse."""
    networks_file().parent.mkdir(parents=True)
    networks_file().write_text(content)

    with pytest.raises(FailedPrecondition, match=r"networks\.json"):
        read_named_networks()


def test_a_folder_that_cannot_be_written_is_named():
    """The message says what to do."""
    networks_file().parent.parent.mkdir(parents=True)
    networks_file().parent.touch()

    with pytest.raises(FailedPrecondition, match="XDG_CONFIG_HOME"):
        write_named_networks(NamedNetworks())


def test_networks_are_values():
    """Each change gives new ones, and keeps what it is not about."""
    named = NamedNetworks().added(LAB).added(SITE).used("lab")

    assert named.removed("site") == NamedNetworks((LAB,), in_use="lab")
    assert named.removed("lab") == NamedNetworks((SITE,), in_use=None)
    assert named.used(None).in_use is None


def test_a_name_is_given_once_and_must_be_known():
    """Both errors name the field."""
    with pytest.raises(AlreadyExists) as taken:
        NamedNetworks((LAB,)).added(LAB)
    with pytest.raises(NotFound) as unknown:
        NamedNetworks((LAB,)).used("site")

    assert (taken.value.field, unknown.value.field) == ("name", "name")


def test_a_token_is_not_shown():
    """Networks may be logged."""
    assert "lab-token" not in repr(LAB)


@pytest.mark.usefixtures("everywhere")
def test_what_is_given_wins_over_the_environment_wins_over_the_network_in_use(monkeypatch):
    """And that wins over the controller of this machine."""
    in_use = find_network()
    monkeypatch.setenv("FEDNET_URL", "http://env:8092")
    monkeypatch.setenv("FEDNET_TOKEN", "env-token")

    assert in_use == ("http://lab:8092", "lab-token")
    assert find_network() == ("http://env:8092", "env-token")
    assert find_network("http://given", "given-token") == ("http://given", "given-token")


@pytest.mark.usefixtures("everywhere")
def test_without_a_network_in_use_it_is_the_controller_of_this_machine():
    """As it was before anybody named one."""
    write_named_networks(read_named_networks().used(None))

    assert find_network() == ("http://local:8092", "local-token")


@pytest.mark.usefixtures("everywhere")
def test_a_token_is_found_for_its_own_address_only():
    """No other server gets to see it."""
    assert find_network("http://lab:8092/") == ("http://lab:8092/", "lab-token")
    assert find_network("http://local:8092") == ("http://local:8092", "local-token")
    assert find_network("http://elsewhere") == ("http://elsewhere", None)


def test_a_token_is_found_for_some_addresses_of_its_network():
    """With one more that is another's, none is."""
    write_local_network(default_data_dir(), "http://a:1,http://b:1", "local-token")

    assert find_network() == ("http://a:1,http://b:1", "local-token")
    assert find_network("http://b:1/,http://a:1") == ("http://b:1/,http://a:1", "local-token")
    assert find_network("http://b:1") == ("http://b:1", "local-token")
    assert find_network("http://b:1,http://elsewhere") == ("http://b:1,http://elsewhere", None)


def test_where_there_is_nothing_the_error_says_what_to_do():
    """It names every way."""
    with pytest.raises(InvalidInput, match="FEDNET_URL") as caught:
        find_network()

    assert caught.value.field == "host"


def test_a_broken_file_does_not_hinder_who_says_all():
    """It is not even read."""
    networks_file().parent.mkdir(parents=True)
    networks_file().write_text("broken")

    assert find_network("http://given", "given") == ("http://given", "given")


@pytest.mark.usefixtures("everywhere")
def test_a_notebook_finds_the_network_as_the_command_does():
    """One rule for both."""
    assert APIClient().api_url == "http://lab:8092"


CALLER = CallerTLS(Path("/lab/ca.pem"), Path("/lab/me.pem"), Path("/lab/me.key"))
SECURE = NamedNetwork("secure", "https://secure:8092", "token", CALLER)


@pytest.fixture
def secure_networks():
    write_named_networks(NamedNetworks((LAB, SECURE)))
    write_local_network(
        default_data_dir(), "https://local:8092", "token", CallerTLS(Path("/local/ca.pem"))
    )


def test_files_of_tls_are_kept_with_their_network():
    """With absolute paths, because later commands run elsewhere."""
    write_named_networks(NamedNetworks((SECURE,)))

    assert read_named_networks().get("secure").tls == CALLER


@pytest.mark.usefixtures("secure_networks")
def test_files_of_tls_are_those_of_the_network_unless_others_are_given(monkeypatch):
    """Given ones win over the environment, and those over the known ones; a pair is never mixed."""
    assert find_tls("https://secure:8092") == CALLER
    assert find_tls("https://local:8092").ca == Path("/local/ca.pem")
    assert find_tls("https://elsewhere") == CallerTLS()

    monkeypatch.setenv("FEDNET_CA", "/env/ca.pem")
    monkeypatch.setenv("FEDNET_CERTIFICATE", "/env/me.pem")
    monkeypatch.setenv("FEDNET_CERTIFICATE_KEY", "/env/me.key")
    from_environment = CallerTLS(Path("/env/ca.pem"), Path("/env/me.pem"), Path("/env/me.key"))
    assert find_tls("https://secure:8092") == from_environment
    given = CallerTLS(Path("/given/ca.pem"))
    assert find_tls("https://secure:8092", given) == replace(from_environment, ca=given.ca)

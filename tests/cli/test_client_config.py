"""`fednet client get-config`, against a real network."""

import json

import yaml

from fednet.settings import ClientSettings, load


def test_the_file_is_what_an_agent_starts_with(fednet, net, tmp_path):
    """No setting in it is unknown, and no token."""
    result = fednet("client", "get-config", "--name", "site-2", "--preferred-combiner", "c1")
    (tmp_path / "site-2.yaml").write_text(result.stdout)

    settings = load(ClientSettings, file=tmp_path / "site-2.yaml")

    assert (settings.name, settings.api_url, settings.preferred_combiner) == (
        "site-2",
        net.api_url,
        "c1",
    )
    assert settings.token is None


def test_the_way_of_files_can_stand_in_the_file(fednet, tmp_path):
    """An agent that finds it there transfers so."""
    result = fednet("client", "get-config", "--name", "site-2", "--transfer", "grpc")
    (tmp_path / "site-2.yaml").write_text(result.stdout)

    assert load(ClientSettings, file=tmp_path / "site-2.yaml").transfer == "grpc"


def test_a_way_of_files_that_is_none_is_refused(fednet):
    """With those that there are."""
    result = fednet("client", "get-config", "--name", "site-2", "--transfer", "s3")

    assert result.exit_code == 2
    assert "object-store" in result.stderr


def test_people_and_programs_get_the_same(fednet):
    """YAML here, JSON there."""
    words = ("client", "get-config", "--name", "site-2")

    assert json.loads(fednet(*words, "--json").stdout) == yaml.safe_load(fednet(*words).stdout)


def test_a_name_that_the_network_would_refuse_is_refused(fednet):
    """A usage error."""
    assert fednet("client", "get-config", "--name", "a b").exit_code == 2

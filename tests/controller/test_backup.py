"""`fednet controller backup` and `restore`: a network goes on from its backup, on stores of another kind."""

import json
from contextlib import closing

import numpy as np
import pytest
from click.testing import CliRunner
from servers.s3 import ACCESS_KEY, SECRET_KEY

from fednet.cli import main
from fednet.http import Http
from fednet.storage import open_blobs
from fednet.testing import Network


def train(parameters, _settings):
    return [array + 1 for array in parameters], {"num_examples": 3}


def validate(_parameters, _settings):
    return {"accuracy": 0.5, "num_examples": 3}


@pytest.fixture
def fednet():
    """Runs a command."""
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def run_session(network, name):
    assert network.api.start_session(name, rounds=2)["success"]
    return network.api.wait_session(name, timeout=200)


def test_a_network_goes_on_from_its_backup_in_postgresql(fednet, tmp_path, postgresql_url):
    """Made while it runs, restored elsewhere: tokens hold, sessions and models are there."""
    np.savez(tmp_path / "seed.npz", **{"0": np.zeros((2, 3), np.float32)})
    file, secret = tmp_path / "backup", tmp_path / "state-store"
    secret.write_text(postgresql_url)
    with Network(data_dir=tmp_path / "old") as network:
        network.add_client("site-1", train=train, validate=validate)
        assert network.api.set_active_model(str(tmp_path / "seed.npz"))["success"]
        assert run_session(network, "first")["status"] == "FINISHED"
        made = fednet("controller", "backup", file, "--data-dir", tmp_path / "old")
        token, models = network.token, network.api.get_models()
        newest = network.api.get_active_model()["id"]
        network.api.download_model(newest, str(tmp_path / "before.npz"))
    places = ("--data-dir", tmp_path / "new", "--state-store-file", secret)
    restored = fednet("controller", "restore", file, *places, "--json")

    with Network(data_dir=tmp_path / "new", state_store=postgresql_url) as network:
        network.add_client("site-1", train=train, validate=validate)
        network.api.download_model(newest, str(tmp_path / "after.npz"))
        kept = [without_version(each) for each in network.api.get_models()["result"]]
        second = run_session(network, "second")

        with closing(Http(network.api.api_url, token)) as old_admin:
            assert old_admin.call("GET", "/api/v1/sessions/")["count"] == 2
    assert made.exit_code == restored.exit_code == 0
    assert "documents" in made.output.splitlines()[-1]
    assert json.loads(restored.output)["blobs"] >= 3
    assert kept == [without_version(each) for each in models["result"]]
    assert (tmp_path / "after.npz").read_bytes() == (tmp_path / "before.npz").read_bytes()
    assert second["status"] == "FINISHED"


def without_version(document):
    return {name: value for name, value in document.items() if name != "version"}


def test_a_second_restore_is_refused_and_says_how_to_complete_the_first(fednet, tmp_path):
    """With --add it repeats what is missing, and changes nothing else."""
    np.savez(tmp_path / "seed.npz", **{"0": np.zeros(3, np.float32)})
    with Network(data_dir=tmp_path / "old") as network:
        assert network.api.set_active_model(str(tmp_path / "seed.npz"))["success"]
    file, places = tmp_path / "backup", ("--data-dir", tmp_path / "new")
    fednet("controller", "backup", file, "--data-dir", tmp_path / "old")

    results = [
        fednet("controller", "restore", file, *options, *places) for options in ((), (), ("--add",))
    ]

    assert [result.exit_code == 0 for result in results] == [True, False, True]
    assert "--add" in results[1].output


def test_a_backup_of_nothing_tells_no_password(fednet, tmp_path, postgresql_url):
    """The usual mistake is an address of another store."""
    result = fednet("controller", "backup", tmp_path / "x", "--state-store", postgresql_url,
                    "--blob-store", "memory://")  # fmt: skip

    assert result.exit_code != 0
    assert "nothing to back up" in result.output
    assert "p%40ss" not in result.output


def test_the_keys_of_a_bucket_may_be_given_apart(fednet, tmp_path, s3_server):
    """As for `fednet controller start`: by flags, or in files."""
    access, secret = tmp_path / "key", tmp_path / "secret"
    access.write_text(ACCESS_KEY)
    secret.write_text(SECRET_KEY)
    bucket = s3_server.new_bucket()
    with closing(open_blobs(s3_server.url(bucket))) as blobs:
        blobs.put("models/a", [b"x"])
    store = ("--blob-store", f"s3://{s3_server.host}/{bucket}?secure=false")
    keys = ("--blob-store-key-file", access, "--blob-store-secret-file", secret)

    made = fednet(
        "controller", "backup", tmp_path / "backup", "--data-dir", tmp_path, *store, *keys
    )

    assert made.exit_code == 0
    assert "1 blobs" in made.output

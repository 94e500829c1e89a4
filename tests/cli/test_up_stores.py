"""`fednet up` on each kind of store: the demo's session makes the same model everywhere.

The same bit for bit: the three updates are added in float64, in which another order of adding changes
nothing that is left when the model is rounded to float32.
"""

import json
import shutil
import signal
import threading
import time
from contextlib import closing, contextmanager

import numpy as np
import pytest
from click.testing import CliRunner

from fednet.api_client import APIClient
from fednet.cli import main
from fednet.cli._digits import Digits
from fednet.cli._network import Controllers
from fednet.cli._supervisor import Supervisor
from fednet.client import Client
from fednet.controller.records import COLLECTIONS
from fednet.digests import Digest, digest_of
from fednet.parameters import load_parameters
from fednet.storage import open_blobs, open_documents

# Each starts eight processes and more, on whatever machine
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CLIENTS, ROUNDS = 3, 2
SESSION = "digits"


@contextmanager
def network(up, folder, data_dir, *stores):
    """A network of two combiners and the demo's clients, whose own files are in the folder; and what they train on."""
    with up("--combiners", 2, "--data-dir", data_dir, *stores) as processes:
        ready = json.loads(processes.stdout.readline())
        controllers = Controllers(tuple(ready["api_urls"]), ready["token"])
        with (
            Supervisor(folder / "logs") as sites,
            APIClient(controllers.api_url, token=controllers.token) as api,
        ):
            digits = Digits(sites, folder, clients=CLIENTS)
            digits.finish_split()
            for client in digits.start_clients():
                controllers.introduce_to(client)
                sites.ready(client)
            yield api, digits
        processes.send_signal(signal.SIGINT)
        processes.communicate()


def trained(up, folder, *stores):
    """The final model of a whole session, as numbers."""
    with network(up, folder, folder / "network", *stores) as (api, digits):
        digits.publish(api)
        start(api, ROUNDS)
        return final_model(api, folder)


def start(api, rounds):
    api.start_session(
        SESSION, rounds=rounds, min_clients=CLIENTS, requested_clients=CLIENTS, seed=1
    )


def final_model(api, folder):
    session = api.wait_session(SESSION, timeout=120)
    assert session["status"] == "FINISHED", session
    api.download_model(session["model_id"], str(folder / "final.npz"))
    return load_parameters(folder / "final.npz")


def wait_for_a_client(api):
    over = time.monotonic() + 60
    while not api.get_active_clients()["count"]:
        assert time.monotonic() < over, "the client has not connected"
        threading.Event().wait(0.05)


def blobs_in(state_store):
    """The key of each model and package that the documents speak of, with its digest."""
    with closing(open_documents(state_store, COLLECTIONS)) as documents:
        return {
            f"{folder}/{each['id']}": Digest.read(each["digest"], each["size_bytes"])
            for folder in ("models", "packages")
            for each in documents.find(folder)
        }


@pytest.fixture(scope="module")
def expected(up, tmp_path_factory):
    """What comes out on the embedded stores."""
    return trained(up, tmp_path_factory.mktemp("embedded"))


def same(found, expected):
    return all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def objects_in(s3_server, bucket):
    """The key and the content of each object but the mark of the state store, as another client finds it."""
    client = s3_server.client()
    keys = [each.object_name for each in client.list_objects(bucket, recursive=True)]
    files = [key for key in keys if not key.startswith("network/state-stores.")]
    return {key: content_of(client.get_object(bucket, key)) for key in files}


def content_of(answer):
    with closing(answer):
        return answer.read()


def test_mongodb_and_s3_make_the_same_model(up, expected, mongodb_url, s3_server, tmp_path):
    """Its objects are in the bucket where the documents say, and nothing else is but the mark of the state store."""
    bucket = s3_server.new_bucket()
    stores = ("--state-store", mongodb_url, "--blob-store", s3_server.url(bucket))

    found = trained(up, tmp_path, *stores)

    assert same(found, expected)
    objects, digests = objects_in(s3_server, bucket), blobs_in(mongodb_url)
    assert objects.keys() == digests.keys()
    assert all(digest_of(objects[key], digests[key].algorithm) == digests[key] for key in objects)
    assert len(digests) == 1 + ROUNDS + 1  # the seed, each round's model, the package


def test_combiners_reach_a_blob_store_that_is_named_in_a_file(up, s3_server, tmp_path):
    """Themselves, and not through the controller: a client that takes no other way is served."""
    secret = tmp_path / "blob-store"
    secret.write_text(s3_server.url(s3_server.new_bucket()))
    np.savez(tmp_path / "seed.npz", **{"0": np.zeros(3)})

    with up("--data-dir", tmp_path / "network", "--blob-store-file", secret) as processes:
        ready = json.loads(processes.stdout.readline())
        client = Client(ready["api_url"], name="a", token=ready["token"], transfer="object-store")
        client.train(lambda parameters, _: (parameters, {"num_examples": 1}))
        serving = threading.Thread(target=client.run)
        serving.start()
        with APIClient(ready["api_url"], token=ready["token"]) as api:
            api.set_active_model(str(tmp_path / "seed.npz"))
            wait_for_a_client(api)
            api.start_session(SESSION, rounds=1, round_retries=0)
            session = api.wait_session(SESSION, timeout=120)
        client.stop()
        serving.join()
        processes.send_signal(signal.SIGINT)
        processes.communicate()

    assert session["status"] == "FINISHED", session["reason"]


def test_postgresql_and_a_folder_make_the_same_model(up, expected, postgresql_url, tmp_path):
    """Its blobs are in the folder, and nothing is where they would be by default."""
    folder = f"file://{tmp_path / 'blobs'}"

    found = trained(up, tmp_path, "--state-store", postgresql_url, "--blob-store", folder)

    assert same(found, expected)
    with closing(open_blobs(folder)) as blobs:
        files = {key for key in blobs.list() if not key.startswith("network/state-stores/")}
        assert files == set(blobs_in(postgresql_url))
    assert not (tmp_path / "network" / "blobs").exists()


def test_combiners_that_do_not_see_the_blobs_make_the_same_model(up, expected, tmp_path):
    """The blobs are in the memory of the controller's process, so that all go through the controller."""
    found = trained(up, tmp_path, "--blob-store", "memory://")

    assert same(found, expected)


def test_a_network_that_moves_to_mongodb_and_s3_goes_on_with_its_session(
    up, expected, mongodb_url, s3_server, tmp_path
):
    """By backup and restore, with its keys: clients come back as who they were, and the model is the same."""
    old, new, backup = tmp_path / "old", tmp_path / "new", tmp_path / "backup.tar"
    stores = ("--state-store", mongodb_url, "--blob-store", s3_server.url(s3_server.new_bucket()))
    with network(up, tmp_path, old) as (api, digits):
        digits.publish(api)
        start(api, ROUNDS - 1)
        final_model(api, tmp_path)
        clients = {each["id"] for each in api.get_clients()["result"]}

    command("backup", backup, "--data-dir", old)
    command("restore", backup, "--data-dir", new, *stores)
    new.mkdir()
    for name in ("signing.key", "admin.token"):
        shutil.copy(old / name, new / name)

    with network(up, tmp_path, new, *stores) as (api, _):
        api.continue_session(SESSION, rounds=1)
        assert same(final_model(api, tmp_path), expected)
        assert {each["id"] for each in api.get_clients()["result"]} == clients


def command(*words):
    result = CliRunner().invoke(main, ["controller", *map(str, words)])
    assert result.exit_code == 0, result.output

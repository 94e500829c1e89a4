"""The way of files: the model is the same whichever it is, and one way replaces another that is closed."""

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from servers.process import free_port

from fednet import limits
from fednet.client.ledger import Ledger
from fednet.parameters import load_parameters, write_model
from fednet.rpc import TokenGate
from fednet.storage._s3_presigner import S3Presigner
from fednet.testing import FaultProxy, Network

THROUGH_THE_COMBINER = {"Download", "Upload"}
STRAIGHT = {"LocateDownload", "LocatePart", "CompleteUpload"}


class Trainer:
    """A train function that counts, with something to do in between."""

    def __init__(self, act=lambda: None):
        self.act = act
        self.calls = 0

    def __call__(self, parameters, _settings):
        self.calls += 1
        self.act()
        return [array + 1 for array in parameters], {"num_examples": 1}


@pytest.fixture
def called(monkeypatch):
    """Return the methods of the file service that clients call."""
    names, intercept = set(), TokenGate.intercept_service

    async def record(self, continuation, details):
        _, service, name = details.method.split("/")
        names.update({name} if service.endswith("Models") else ())
        return await intercept(self, continuation, details)

    monkeypatch.setattr(TokenGate, "intercept_service", record)
    return names


@pytest.fixture
def session(tmp_path):
    """Return a function that runs a session of one client over 1 MB and returns its status, its log and the check."""

    def run(blob_store, transfer, train=None, *, count=250_000, part_bytes=None, **options):
        seed, final = tmp_path / "seed.npz", tmp_path / "final.npz"
        write_model(seed, [np.arange(count, dtype=np.float32)])
        with Network(blob_store=blob_store) as net:
            if part_bytes:
                net._combiners["combiner-1"]._engine.objects._part_bytes = part_bytes
            net.add_client("a", train=train or Trainer(), transfer=transfer)
            net.api.set_active_model(str(seed))
            net.api.start_session("s", **{"rounds": 2, "validate": False} | options)
            ended = net.api.wait_session("s", timeout=100)
            net.api.download_model(net.api.get_active_model()["id"], str(final))
            log = [each["message"] for each in net.api.get_statuses(n_max=100)["result"]]
        is_right = np.array_equal(load_parameters(final)[0], np.arange(count, dtype=np.float32) + 2)
        return ended, "\n".join(log), is_right

    return run


def objects(s3_server, bucket):
    found = s3_server.client().list_objects(bucket, recursive=True)
    folders = {each.object_name.partition("/")[0] for each in found}
    return folders - {"network"}  # the mark of the state store


@pytest.mark.parametrize("transfer", ["auto", "object-store"])
def test_with_an_object_store_nothing_passes_through_the_combiner(
    s3_server, session, called, transfer
):
    """Neither models nor updates pass through the combiner, and no update stays in the store."""
    bucket = s3_server.new_bucket()

    ended, _, is_right = session(s3_server.url(bucket), transfer)

    assert ended["status"] == "FINISHED"
    assert is_right
    assert called == STRAIGHT
    assert objects(s3_server, bucket) == {"models"}


def test_updates_that_are_retained_stay_on_their_combiner(s3_server, session):
    """Retained updates lie in the combiner's folder, as by gRPC, and not in the bucket."""
    bucket = s3_server.new_bucket()

    _, log, _ = session(s3_server.url(bucket), "object-store", delete_models=False)

    assert "1 updates of this round" in log
    assert objects(s3_server, bucket) == {"models"}


def test_with_grpc_the_object_store_is_not_asked_for(s3_url, session, called):
    """The client's site may not want to reach it."""
    _, _, is_right = session(s3_url, "grpc")

    assert is_right
    assert called == THROUGH_THE_COMBINER


def test_without_an_object_store_everything_passes_through_the_combiner(session, called):
    """The store is asked for once, and the log says nothing of it."""
    _, log, is_right = session(None, "auto")

    assert is_right
    assert called == THROUGH_THE_COMBINER | {"LocateDownload"}
    assert "through the combiner" not in log


def test_a_client_that_cannot_reach_the_store_goes_through_the_combiner(s3_server, session, called):
    """The log says so with the store's address, and the store is not tried again with each file."""
    place = f"127.0.0.1:{free_port()}"
    closed = f"&public=http://{place}"

    ended, log, is_right = session(s3_server.url(s3_server.new_bucket(), more=closed), "auto")

    assert ended["status"] == "FINISHED"
    assert is_right
    assert called == THROUGH_THE_COMBINER | {"LocateDownload"}
    assert log.count("Files go through the combiner for a while") == 1
    assert f"The object store at {place} does not answer" in log
    assert "X-Amz" not in log


def test_a_client_that_must_use_an_object_store_says_that_there_is_none(session):
    """The task fails, and the message says what to do."""
    ended, log, _ = session(None, "object-store", round_retries=0)

    assert ended["status"] == "FAILED"
    assert "set transfer to auto or grpc" in log


@pytest.mark.parametrize("transfer", ["auto", "object-store"])
@pytest.mark.parametrize("cut_at", [100, 5_000, 400_000, 1_000_500])
def test_an_update_whose_link_to_the_store_breaks_is_trained_once(
    s3_server, session, transfer, cut_at
):
    """The link breaks before the first byte, among the bytes, or before the answer."""
    with FaultProxy(s3_server.host) as proxy:
        train = Trainer(lambda: proxy.cut_after(cut_at))
        url = s3_server.url(s3_server.new_bucket(), more=f"&public=http://{proxy.address}")

        _, _, is_right = session(url, transfer, train)

    assert is_right
    assert train.calls == 2


@pytest.mark.parametrize("cut_at", [None, 7_000_000, 11_000_000])
def test_a_large_update_goes_in_parts(s3_server, session, called, cut_at):
    """Parts that arrived before the break are not sent again."""
    with FaultProxy(s3_server.host) as proxy:
        train = Trainer(lambda: cut_at and proxy.cut_after(cut_at))
        url = s3_server.url(s3_server.new_bucket(), more=f"&public=http://{proxy.address}")

        ended, _, is_right = session(
            url, "object-store", train, count=3_000_000, part_bytes=5 * limits.MIB
        )

    assert ended["status"] == "FINISHED"
    assert is_right
    assert train.calls == 2
    assert called == STRAIGHT


def test_a_model_whose_link_to_the_store_breaks_is_fetched_on(s3_server, session, called):
    """The rest of the model comes by a range."""
    with FaultProxy(s3_server.host) as proxy:
        proxy.cut_after(300_000)
        url = s3_server.url(s3_server.new_bucket(), more=f"&public=http://{proxy.address}")

        _, _, is_right = session(url, "object-store")

    assert is_right
    assert called == STRAIGHT


def test_a_url_that_has_expired_is_asked_for_anew(s3_url, session, monkeypatch):
    """The first URL of each kind is a day old, and is replaced."""
    sign, signed = S3Presigner._signed, set()

    def too_late_at_first(self, method, *arguments):
        if method in signed:
            return sign(self, method, *arguments)
        signed.add(method)
        now = S3Presigner(_Yesterday(self._public), self._uploads, self._bucket)
        return sign(now, method, *arguments)

    monkeypatch.setattr(S3Presigner, "_signed", too_late_at_first)

    _, log, is_right = session(s3_url, "auto")

    assert signed == {"GET", "PUT"}
    assert is_right
    assert "through the combiner" not in log


class _Yesterday:
    """Signs with yesterday's date."""

    def __init__(self, client):
        self._client = client

    def get_presigned_url(self, *arguments, **options):
        yesterday = datetime.now(UTC) - timedelta(days=1)
        return self._client.get_presigned_url(*arguments, request_date=yesterday, **options)


def test_an_update_waits_for_a_store_that_is_killed_and_comes_back(s3_server, session):
    """An update that may go no other way waits for the store."""
    was_killed = threading.Event()
    starting = threading.Thread(target=s3_server.process.start)

    def kill_the_server_once():
        if not was_killed.is_set():
            was_killed.set()
            s3_server.process.stop()
            starting.start()

    train = Trainer(kill_the_server_once)
    ended, _, is_right = session(s3_server.url(s3_server.new_bucket()), "object-store", train)
    starting.join()

    assert ended["status"] == "FINISHED"
    assert is_right


def test_an_update_outlasts_a_store_that_is_away_for_long(s3_server, session, monkeypatch):
    """An update that may go no other way outlasts an outage longer than one delivery's attempts."""
    monkeypatch.setattr(limits, "retry_seconds_max", 0.05)
    with FaultProxy(s3_server.host) as proxy:
        postponed, postpone = [], Ledger.postponed

        def postpone_and_count(ledger, delivery):
            postponed.append(delivery)
            if len(postponed) == 3:
                proxy.restore()
            postpone(ledger, delivery)

        monkeypatch.setattr(Ledger, "postponed", postpone_and_count)
        url = s3_server.url(s3_server.new_bucket(), more=f"&public=http://{proxy.address}")
        train = Trainer(lambda: postponed or proxy.refuse())

        ended, log, is_right = session(url, "object-store", train)

    assert ended["status"] == "FINISHED"
    assert is_right
    assert train.calls == 2
    assert log.count("is delivered later") == 1


def test_an_agent_that_is_told_to_stop_ends_in_the_middle_of_a_transfer(s3_server, tmp_path):
    """It leaves the update to the next process."""
    with FaultProxy(s3_server.host) as proxy:
        url = s3_server.url(s3_server.new_bucket(), more=f"&public=http://{proxy.address}")
        seed = tmp_path / "seed.npz"
        write_model(seed, [np.arange(250_000, dtype=np.float32)])
        with Network(blob_store=url) as net:
            trained, train = threading.Event(), Trainer()

            def refuse():
                proxy.refuse()
                trained.set()

            train.act = refuse
            net.add_client("a", train=train, transfer="object-store")
            net.api.set_active_model(str(seed))
            net.api.start_session("s", rounds=1, validate=False)
            assert trained.wait(limits.start_seconds_max)

            net.remove_client("a")
            proxy.restore()
            train.act = lambda: None
            net.add_client("a", train=train, transfer="object-store")

            assert net.api.wait_session("s", timeout=200)["status"] == "FINISHED"
            assert train.calls <= 2

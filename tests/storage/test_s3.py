"""What is special about blobs in a bucket: where they lie, URLs for others, refusals, memory, a killed server."""

import io
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import requests

from fednet import limits
from fednet.digests import Algorithm, digest_of
from fednet.errors import FailedPrecondition, FednetError, InvalidInput, NotFound, Unavailable
from fednet.storage import open_blobs
from fednet.storage._object_names import folder_name, key_of, object_name
from fednet.testing import FaultProxy

MIB = limits.MIB


@pytest.fixture
def bucket(s3_server):
    return s3_server.new_bucket()


@pytest.fixture
def blobs(s3_server, bucket):
    with closing(open_blobs(s3_server.url(bucket))) as store:
        yield store


@pytest.fixture
def client(s3_server):
    """Another program's client, which knows nothing of fednet."""
    return s3_server.client()


def objects(client, bucket):
    return [each.object_name for each in client.list_objects(bucket, recursive=True)]


def test_blobs_lie_where_the_documents_say(blobs, client, bucket):
    """Under their keys, in one folder: what follows the second slash follows a dot."""
    blobs.put("models/6f1c-1", [b"model"])
    blobs.put("partials/phase-1/combiner.1", [b"partial"])

    with client.get_object(bucket, "models/6f1c-1") as answer:
        found = answer.read()

    assert found == b"model"
    assert sorted(objects(client, bucket)) == ["models/6f1c-1", "partials/phase-1.combiner!2E1"]


def test_objects_of_others_are_no_blobs(blobs, client, bucket):
    """They are neither listed nor in the way."""
    for name in ("models/a b", "!zz/a", "models/a!", "readme"):
        client.put_object(bucket, name, io.BytesIO(b"x"), 1)
    blobs.put("models/a", [b"x"])

    assert list(blobs.list()) == ["models/a"]


@pytest.mark.parametrize(
    "key", ["models/3f2a", "a", "a.b", "a!/b", "a/b/c!!", "é/..", "x" * 250 + "/y", "a/b" * 99]
)
def test_names_can_be_read_back(key):
    """And hold nothing that a server could change."""
    name = object_name(key)

    assert key_of(name) == key
    assert set(name.replace("/", "")) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-!."
    )
    assert max(map(len, name.split("/"))) <= 255
    assert {".", ".."}.isdisjoint(name.split("/"))


@pytest.mark.parametrize(
    "key", ["a/b", "a/b/c", "é/~/..", "x" * 250 + "/y/z", "a/" + "b" * 250 + "/c"]
)
def test_names_begin_with_that_of_their_folder(key):
    """So that a server lists no more than is asked for."""
    folder = key.rpartition("/")[0]

    assert object_name(key).startswith(folder_name(folder))
    assert not object_name(f"{folder}x/y").startswith(folder_name(folder)) or len(key) > 200


def test_a_blob_is_got_by_a_url(blobs):
    """Whole or a range, by somebody without keys."""
    blobs.put("models/é", [b"0123456789"])

    url = blobs.presigner.get_url("models/é", 60)

    assert requests.get(url, timeout=10).content == b"0123456789"
    ranged = requests.get(url, headers={"Range": "bytes=4-6"}, timeout=10)
    assert ranged.content == b"456"
    assert requests.put(url, data=b"x", timeout=10).status_code == 403
    assert requests.get(url.replace("models", "states"), timeout=10).status_code == 403


def test_a_blob_is_put_by_a_url(blobs):
    """In one request; its size is asked for afterwards."""
    url = blobs.presigner.put_url("updates/a", 60)

    answer = requests.put(url, data=b"update", timeout=10)

    assert answer.status_code == 200
    assert blobs.size("updates/a") == 6
    assert requests.get(url, timeout=10).status_code == 403


def test_a_blob_is_put_in_parts_by_urls(blobs):
    """Nothing is visible until the parts are completed; to complete them again changes nothing."""
    parts = [b"0" * 5 * MIB, b"1" * 1000]
    upload_id = blobs.presigner.begin_parts("updates/a")
    urls = [blobs.presigner.part_url("updates/a", upload_id, number, 60) for number in (1, 2)]

    answers = [
        requests.put(url, data=part, timeout=30) for url, part in zip(urls, parts, strict=True)
    ]
    before = blobs.size("updates/a")
    etags = [answer.headers["ETag"] for answer in answers]
    blobs.presigner.complete_parts("updates/a", upload_id, etags)

    assert before is None
    with pytest.raises(NotFound):
        blobs.presigner.complete_parts("updates/a", upload_id, etags)
    assert b"".join(blobs.read("updates/a")) == b"".join(parts)


def test_parts_that_are_aborted_are_gone(blobs):
    """They cannot be completed any more, and aborting again changes nothing."""
    upload_id = blobs.presigner.begin_parts("updates/a")
    url = blobs.presigner.part_url("updates/a", upload_id, 1, 60)
    etag = requests.put(url, data=b"part", timeout=10).headers["ETag"]

    for _ in range(2):
        blobs.presigner.abort_parts("updates/a", upload_id)

    with pytest.raises(NotFound):
        blobs.presigner.complete_parts("updates/a", upload_id, [etag])
    assert blobs.size("updates/a") is None


def test_parts_that_were_not_sent_cannot_be_completed(blobs):
    """The error is ours, and nothing is visible."""
    upload_id = blobs.presigner.begin_parts("updates/a")

    with pytest.raises(FednetError):
        blobs.presigner.complete_parts("updates/a", upload_id, ["0" * 32])

    assert blobs.size("updates/a") is None


@pytest.mark.parametrize("seconds", [-1, 0, 7 * 24 * 3600 + 1])
def test_a_url_has_an_end(blobs, seconds):
    """A week at the most, as S3 has it."""
    with pytest.raises(InvalidInput) as caught:
        blobs.presigner.get_url("models/a", seconds)

    assert caught.value.field == "seconds"


def test_urls_for_others_lead_to_the_public_endpoint(s3_server, bucket):
    """The store itself is asked where we reach it: here the public way is closed to us."""
    with FaultProxy(s3_server.host) as proxy:
        url = s3_server.url(bucket, more=f"&public=http://{proxy.address}")
        with closing(open_blobs(url)) as blobs:
            proxy.refuse()
            blobs.put("models/a", [b"x"])
            proxy.restore()

            found = requests.get(blobs.presigner.get_url("models/a", 60), timeout=10)

            assert found.url.startswith(f"http://{proxy.address}/{bucket}/models/a?")
            assert found.content == b"x"


def test_a_bucket_is_made_once(s3_server, bucket, client):
    """Whoever comes later finds it, with what is in it."""
    for key in ("models/a", "models/b"):
        with closing(open_blobs(s3_server.url(bucket))) as blobs:
            blobs.put(key, [b"x"])

    assert sorted(objects(client, bucket)) == ["models/a", "models/b"]


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ({"%3Fd%3F%2B%25": "other"}, "correct SECRET|correct KEY"),
        ({"fed%2Fnet": "nobody"}, "correct KEY"),
        ({"secure=false": "secure=no"}, "secure"),
        ({"secure=false": "colour=red"}, "colour"),
        ({"/bucket": "/B_"}, "bucket name"),
        ({"/bucket": "/a/bucket"}, "one bucket"),
        ({":p%40ss": ":1/p%40ss"}, "%2F"),
        ({"@": "/@"}, "%2F|one host"),
        ({"fed%2Fnet": "fed%0Anet"}, "line break"),
        ({"&region": "&public=here&region"}, "public"),
        ({"&region": "&public=http://[::1&region"}, "public"),
    ],
)
def test_what_is_wrong_with_the_url_is_said_without_the_secret(s3_url, wrong, advice):
    """And which setting it is."""
    url = s3_url
    for right, other in wrong.items():
        assert right in url or right == "%3Fd%3F%2B%25"
        url = url.replace(right, other) if right in url else url.replace("p%40ss", other)

    with pytest.raises((InvalidInput, FailedPrecondition), match=advice) as caught:
        open_blobs(url)

    said = str(caught.value) + str(caught.value.__cause__)
    assert caught.value.field == "blob_store"
    assert not any(part in said for part in ("p%40ss", "p@ss", "w:rd", "w%3Ard"))


@pytest.mark.parametrize(
    "secret", ["?hunter2", "12?hunter2", "12?hunter2=", "#hunter2", "12/hunter2?b"]
)
def test_a_secret_that_is_not_encoded_is_not_shown(secret):
    """What stands behind a question mark looks like an option, and is none."""
    with pytest.raises(InvalidInput, match="%2F") as caught:
        open_blobs(f"s3://key:{secret}@127.0.0.1:9000/bucket?secure=false")

    assert "hunter2" not in str(caught.value)


def test_a_clock_that_is_wrong_is_named(s3_url, monkeypatch):
    """Signatures hold the time."""
    monkeypatch.setattr("minio.api.time.utcnow", lambda: datetime.now(UTC) - timedelta(days=1))

    with pytest.raises(FailedPrecondition, match="clock"):
        open_blobs(s3_url)


def test_what_is_no_s3_server_is_named(controller):
    """Here, a controller."""
    host = controller.api_url.removeprefix("http://")

    with pytest.raises(FailedPrecondition, match="not an S3 server"):
        open_blobs(f"s3://key:secret@{host}/bucket?secure=false")


def test_a_killed_server_is_unavailable_and_comes_back(s3_server, bucket, monkeypatch):
    """What was acknowledged is there, and the put that it broke can be done again."""
    monkeypatch.setattr(limits, "retry_seconds_max", 0.1)
    monkeypatch.setattr(limits, "blob_part_bytes", MIB)
    with closing(open_blobs(s3_server.url(bucket))) as blobs:
        blobs.put("models/a", [b"old"])

        def source():
            for number in range(8):
                if number == 5:
                    s3_server.process.stop()
                yield bytes([number]) * MIB

        with pytest.raises(Unavailable):
            blobs.put("models/a", source())
        s3_server.process.start()

        assert b"".join(blobs.read("models/a")) == b"old"
        assert list(blobs.list()) == ["models/a"]
        assert blobs.put("models/a", [b"new"]) == digest_of(b"new", Algorithm.BLAKE3)


def test_memory_does_not_grow_with_the_blob(blobs):
    """Four times the bytes take no more memory, written or read."""

    def peak(megabytes):
        tracemalloc.start()
        blobs.put("models/a", (bytes(MIB) for _ in range(megabytes)))
        for _ in blobs.read("models/a"):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(1)  # what is loaded once
    assert peak(100) < 1.5 * peak(25)

"""Models and packages on this machine: copied once, checked, and gone after the last use."""

import threading
from dataclasses import replace

import pytest

from fednet.combiner.engine import checked_blobs
from fednet.combiner.engine.blobs import LocalBlobs
from fednet.combiner.engine.checked_blobs import CheckedBlobs
from fednet.combiner.engine.spool import Spool
from fednet.combiner.machine.values import Blob, BlobKind
from fednet.digests import Digest
from fednet.errors import Conflict, NotFound
from fednet.storage import open_blobs


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


@pytest.fixture
def put_model(put_model):
    """Return a function that puts a model into the store; gives its reference as the engine has it."""

    def put():
        ref = put_model()
        return Blob(BlobKind.MODEL, ref.id, Digest.read(ref.digest, ref.size_bytes))

    return put


@pytest.fixture
def local(store, spool):
    return LocalBlobs(CheckedBlobs(store), spool)


def copies(spool):
    return list(spool.scratch().parent.iterdir())


def test_a_blob_has_a_path_while_it_is_used(local, put_model, spool):
    """The path holds as long as the blob was not released as often as it was acquired."""
    ref = put_model()

    path = local.acquire(ref)
    assert local.acquire(ref) == path
    local.release(ref)
    assert local.path(ref.kind, ref.id) == path
    assert path.stat().st_size == ref.digest.size_bytes

    local.release(ref)
    with pytest.raises(NotFound):
        local.path(ref.kind, ref.id)
    assert copies(spool) == []


def test_the_store_keeps_what_is_released(local, put_model, store):
    """Only copies are deleted."""
    ref = put_model()

    local.acquire(ref)
    local.release(ref)

    assert store.size(f"models/{ref.id}") == ref.digest.size_bytes


def test_a_blob_that_is_missing_is_not_held(local, put_model, store, spool):
    """It can be acquired once it is there."""
    ref = put_model()
    content = b"".join(store.read(f"models/{ref.id}"))
    store.delete(f"models/{ref.id}")

    with pytest.raises(NotFound):
        local.acquire(ref)
    assert copies(spool) == []

    store.put(f"models/{ref.id}", [content])
    assert local.acquire(ref).read_bytes() == content


def test_a_blob_that_is_not_the_recorded_one_is_never_held(local, put_model, store, spool):
    """A copy and a file of the store are checked alike, each time that the store has another version."""
    ref = put_model()
    content = b"".join(store.read(f"models/{ref.id}"))
    local.acquire(ref)
    local.release(ref)
    store.put(f"models/{ref.id}", [bytes(len(content))])

    with pytest.raises(Conflict, match=f"models/{ref.id}"):
        local.acquire(ref)
    assert copies(spool) == []

    store.put(f"models/{ref.id}", [content])
    with pytest.raises(Conflict, match="no digest"):
        local.acquire(Blob(ref.kind, ref.id))
    assert local.acquire(ref).read_bytes() == content
    with pytest.raises(Conflict, match="another digest"):
        local.acquire(Blob(ref.kind, ref.id, replace(ref.digest, value="0" * 64)))


def test_a_file_of_the_store_is_read_once_for_its_check(tmp_path, monkeypatch):
    """A file that this combiner has put is not read again at all."""
    store = open_blobs(f"file://{tmp_path / 'blobs'}")
    checked, other = CheckedBlobs(store), CheckedBlobs(store)
    (tmp_path / "file").write_bytes(b"content")
    digest = checked.put_file("models/m", tmp_path / "file")
    hashed = []
    real = checked_blobs.digest_of_file
    monkeypatch.setattr(checked_blobs, "digest_of_file", lambda *to: hashed.append(to) or real(*to))

    assert checked.path("models/m", digest).read_bytes() == b"content"
    assert hashed == []
    assert other.path("models/m", digest) == other.path("models/m", digest)
    assert len(hashed) == 1


def test_nobody_who_asks_for_a_path_waits_for_a_copy(put_model, store, spool, monkeypatch):
    """The event loop asks; a slow store must not stop it."""
    ref, other = put_model(), put_model()
    local = LocalBlobs(CheckedBlobs(store), spool)
    path = local.acquire(ref)
    begun, go_on = threading.Event(), threading.Event()
    real = store.local_path

    def slow(key):
        begun.set()
        go_on.wait(10)
        return real(key)

    monkeypatch.setattr(store, "local_path", slow)
    fetching = threading.Thread(target=local.acquire, args=[other])
    fetching.start()
    begun.wait(10)

    assert local.path(ref.kind, ref.id) == path
    assert fetching.is_alive()
    go_on.set()
    fetching.join()
    assert local.path(other.kind, other.id).exists()


def test_two_threads_copy_once(put_model, store, spool, monkeypatch):
    """The second waits for the first's copy."""
    ref = put_model()
    local = LocalBlobs(CheckedBlobs(store), spool)
    asked = []
    real = store.local_path
    monkeypatch.setattr(store, "local_path", lambda key: asked.append(key) or real(key))

    threads = [threading.Thread(target=local.acquire, args=[ref]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(asked) == 1

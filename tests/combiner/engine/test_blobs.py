"""Models and packages on this machine: copied once, checked, and gone after the last use."""

import threading

import pytest

from fednet.combiner.engine.blobs import LocalBlobs
from fednet.combiner.engine.spool import Spool
from fednet.combiner.machine.values import Blob, BlobKind
from fednet.errors import NotFound, TransferCorrupted
from fednet.storage import open_blobs


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


@pytest.fixture
def put_model(put_model):
    """Return a function that puts a model into the store; gives its reference as the engine has it."""

    def put():
        ref = put_model()
        return Blob(BlobKind.MODEL, ref.id, ref.size_bytes, ref.sha256)

    return put


@pytest.fixture
def local(store, spool):
    return LocalBlobs(store, spool)


def copies(spool):
    return list(spool.scratch().parent.iterdir())


def test_a_blob_has_a_path_while_it_is_used(local, put_model, spool):
    """The path holds as long as the blob was not released as often as it was acquired."""
    ref = put_model()

    path = local.acquire(ref)
    assert local.acquire(ref) == path
    local.release(ref)
    assert local.path(ref.kind, ref.id) == path
    assert path.stat().st_size == ref.size_bytes

    local.release(ref)
    with pytest.raises(NotFound):
        local.path(ref.kind, ref.id)
    assert copies(spool) == []


def test_the_store_keeps_what_is_released(local, put_model, store):
    """Only copies are deleted."""
    ref = put_model()

    local.acquire(ref)
    local.release(ref)

    assert store.size(f"models/{ref.id}") == ref.size_bytes


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


def test_a_copy_that_does_not_match_its_digest_is_thrown_away(spool):
    """The copy of a distant store's blob is checked."""
    store = open_blobs("memory://")
    store.put("models/m", [b"something else"])
    ref = Blob(BlobKind.MODEL, "m", sha256="0" * 64)
    local = LocalBlobs(store, spool)

    with pytest.raises(TransferCorrupted, match="models/m"):
        local.acquire(ref)

    assert copies(spool) == []


def test_nobody_who_asks_for_a_path_waits_for_a_copy(put_model, store, spool, monkeypatch):
    """The event loop asks; a slow store must not stop it."""
    ref, other = put_model(), put_model()
    local = LocalBlobs(store, spool)
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
    local = LocalBlobs(store, spool)
    asked = []
    real = store.local_path
    monkeypatch.setattr(store, "local_path", lambda key: asked.append(key) or real(key))

    threads = [threading.Thread(target=local.acquire, args=[ref]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(asked) == 1

"""Uploads in pieces, in each kind of blob store: any controller goes on with them, also after another one's death."""

import fcntl
import io
import os
import time
import uuid
from contextlib import closing

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.records import COLLECTIONS, Records
from fednet.controller.uploads import STAGED, FolderUploads, open_uploads
from fednet.digests import Algorithm, digest_of
from fednet.errors import Conflict, LimitExceeded, TransferCorrupted, Unavailable
from fednet.storage import open_blobs, open_documents

C1 = Principal.of(Role.COMBINER, "c1-id", "c1")
C2 = Principal.of(Role.COMBINER, "c2-id", "c2")
KEY = "models/a"


class Store:
    """A blob store and a state store with two controllers, each with connections of its own."""

    def __init__(self, blob_url, state_url):
        self.records = [Records(open_documents(state_url, COLLECTIONS)) for _ in "ab"]
        self.blobs = [open_blobs(blob_url) for _ in "ab"]
        self.a, self.b = map(open_uploads, self.records, self.blobs)

    def names(self):
        """The uploads that the store keeps."""
        if isinstance(self.a, FolderUploads):
            return {path.name for path in self.a.folder.glob("*")}
        return {key.split("/")[1] for key in self.blobs[0].list(STAGED)} | {
            each["id"] for each in self.records[0].find("uploads")
        }

    def rest(self, upload_id, seconds):
        """Let an upload have rested for some seconds."""
        then = time.time() - seconds
        (name,) = (name for name in self.names() if name.endswith(str(upload_id)))
        if isinstance(self.a, FolderUploads):
            os.utime(self.a.folder / name, (then, then))
        else:
            self.records[0].update("uploads", name, lambda _: {"grown_at": then})

    def content(self):
        return b"".join(self.blobs[1].read(KEY))

    def close(self):
        for each in (*self.blobs, *(records.documents for records in self.records)):
            each.close()


@pytest.fixture(params=["file", "s3"])
def store(request, tmp_path):
    """A store of each kind that several processes can share."""
    if request.param == "file":
        url = f"file://{tmp_path}/blobs"
    else:
        server = request.getfixturevalue("s3_server")
        url = server.url(server.new_bucket())
    with closing(Store(url, f"sqlite:///{tmp_path}/state.db")) as made:
        yield made


def append(uploads, upload_id, offset, piece, sender=C1):
    return uploads.append(sender, upload_id, offset, io.BytesIO(piece))


def complete(uploads, upload_id, content, sender=C1):
    return uploads.complete(sender, upload_id, digest_of(content, Algorithm.BLAKE3), KEY)


def test_any_controller_takes_any_piece_and_completes(store):
    """Each may be the one that a proxy chooses."""
    upload_id = uuid.uuid4()

    sizes = [
        append(uploads, upload_id, offset, piece)
        for uploads, offset, piece in [
            (store.a, 0, b"one "),
            (store.b, 4, b"two "),
            (store.a, 8, b"three"),
        ]
    ]
    stored = complete(store.b, upload_id, b"one two three")

    assert sizes == [4, 8, 13]
    assert stored.size_bytes == 13
    assert store.content() == b"one two three"
    assert store.names() == set()


def test_a_piece_that_comes_late_and_again_takes_nothing_back(store):
    """Another controller has gone on meanwhile."""
    upload_id = uuid.uuid4()
    append(store.a, upload_id, 0, b"one ")
    append(store.b, upload_id, 4, b"two")

    assert append(store.a, upload_id, 0, b"one ") == 7

    complete(store.b, upload_id, b"one two")
    assert store.content() == b"one two"


def test_a_piece_that_broke_off_is_sent_again(store):
    """Its controller died while it wrote."""

    class Broken(io.BytesIO):
        def read(self, _size=-1):
            if self.tell() >= 2:
                raise OSError("the connection is gone")
            return super().read(2)

    upload_id = uuid.uuid4()
    append(store.a, upload_id, 0, b"one ")
    with pytest.raises((OSError, Unavailable)):
        store.a.append(C1, upload_id, 4, Broken(b"two"))

    append(store.b, upload_id, 4, b"two")

    complete(store.b, upload_id, b"one two")
    assert store.content() == b"one two"


def test_an_empty_blob_has_one_empty_piece(store):
    """It is a blob like any other."""
    upload_id = uuid.uuid4()
    append(store.a, upload_id, 0, b"")

    assert complete(store.b, upload_id, b"").size_bytes == 0
    assert store.content() == b""


def test_what_is_missing_is_a_conflict(store):
    """A gap, an end that is not there, and an upload that nobody knows."""
    upload_id = uuid.uuid4()
    append(store.a, upload_id, 0, b"one ")

    for call in (
        lambda: append(store.b, upload_id, 5, b"two"),
        lambda: append(store.b, uuid.uuid4(), 4, b"two"),
        lambda: complete(store.b, upload_id, b"one two"),
        lambda: complete(store.b, uuid.uuid4(), b"one"),
    ):
        with pytest.raises(Conflict):
            call()
    assert list(store.blobs[0].list("models/")) == []


def test_a_wrong_digest_stores_nothing_and_drops_the_upload(store):
    """What was there stays."""
    store.blobs[0].put(KEY, [b"old"])
    upload_id = uuid.uuid4()
    append(store.a, upload_id, 0, b"evil")

    with pytest.raises(TransferCorrupted):
        complete(store.b, upload_id, b"good")

    assert store.content() == b"old"
    assert store.names() == set()


def test_a_blob_has_a_largest_size(store, monkeypatch):
    """Whichever piece goes beyond it."""
    monkeypatch.setattr(limits, "model_bytes_max", 6)
    upload_id = uuid.uuid4()
    append(store.a, upload_id, 0, b"1234")

    with pytest.raises(LimitExceeded):
        append(store.b, upload_id, 4, b"567")


def test_an_upload_is_its_senders_own(store):
    """Another combiner can neither go on with it nor complete it."""
    upload_id = uuid.uuid4()
    append(store.a, upload_id, 0, b"mine")

    with pytest.raises(Conflict):
        append(store.a, upload_id, 4, b"yours", C2)
    with pytest.raises(Conflict):
        complete(store.a, upload_id, b"mine", C2)
    assert complete(store.b, upload_id, b"mine").size_bytes == 4


def test_idle_uploads_go_when_another_one_begins(store):
    """Whichever controller it begins at; those that grow stay."""
    idle, fresh = uuid.uuid4(), uuid.uuid4()
    append(store.a, idle, 0, b"forgotten", C2)
    append(store.a, fresh, 0, b"on its way", C2)
    store.rest(idle, limits.blob_upload_idle_seconds_max + 1)

    append(store.b, uuid.uuid4(), 0, b"new")

    assert not any(name.endswith(str(idle)) for name in store.names())
    assert len(store.names()) == 2


def test_idle_uploads_go_when_a_controller_starts(store):
    """Although nobody sends anything any more."""
    idle, fresh = uuid.uuid4(), uuid.uuid4()
    append(store.a, idle, 0, b"forgotten")
    append(store.a, fresh, 0, b"on its way")
    store.rest(idle, limits.blob_upload_idle_seconds_max + 1)

    store.b.collect()

    assert [name.endswith(str(fresh)) for name in store.names()] == [True]


def test_a_sender_has_a_bounded_number_of_uploads(store, monkeypatch):
    """One more drops the one that has rested longest, at whichever controller; other senders lose nothing."""
    monkeypatch.setattr(limits, "blob_uploads_max", 2)
    first, second, third, other = (uuid.uuid4() for _ in "1234")
    append(store.a, other, 0, b"one ", C2)
    store.rest(other, 30)
    for age, upload_id in ((20, first), (10, second)):
        append(store.a, upload_id, 0, b"one ")
        store.rest(upload_id, age)

    append(store.b, second, 0, b"one ")
    assert len(store.names()) == 3
    append(store.b, third, 0, b"one ")

    with pytest.raises(Conflict):
        append(store.a, first, 4, b"two")
    assert append(store.a, second, 4, b"two") == append(store.a, third, 4, b"two") == 7
    assert append(store.a, other, 4, b"two", C2) == 7


def test_pieces_that_a_killed_controller_left_go_at_the_next_start(tmp_path, s3_server):
    """It had dropped their document, or another one had while it wrote."""
    url = s3_server.url(s3_server.new_bucket())
    with closing(Store(url, f"sqlite:///{tmp_path}/state.db")) as store:
        left, kept = uuid.uuid4(), uuid.uuid4()
        append(store.a, left, 0, b"left")
        append(store.a, kept, 0, b"kept")
        store.records[0].documents.delete("uploads", f"combiner-c1-id-{left}")

        store.b.collect()

        assert store.names() == {f"combiner-c1-id-{kept}"}


@pytest.fixture
def folder(tmp_path):
    """The store of which pieces are written in place."""
    with closing(Store(f"file://{tmp_path}/blobs", f"sqlite:///{tmp_path}/state.db")) as made:
        yield made


def test_a_request_that_comes_late_writes_into_no_blob(folder):
    """While it writes, the file becomes no blob; afterwards it finds no file."""
    upload_id = uuid.uuid4()
    append(folder.a, upload_id, 0, b"good")
    (path,) = folder.a.folder.glob("*")

    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # as a request that writes
        with pytest.raises(Conflict, match="Another request"):
            complete(folder.b, upload_id, b"good")
    complete(folder.b, upload_id, b"good")
    with pytest.raises(Conflict):
        append(folder.a, upload_id, 4, b"late")

    assert folder.content() == b"good"


def test_a_folder_that_refuses_is_no_fault_of_the_sender(folder):
    """The error says where to look, and that another attempt may do."""
    folder.a.folder.write_text("a file where the folder should be")

    with pytest.raises(Unavailable, match="free space") as caught:
        append(folder.a, uuid.uuid4(), 0, b"one ")

    assert caught.value.retryable

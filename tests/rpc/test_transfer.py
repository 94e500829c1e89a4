"""Files in pieces: they arrive whole and right, or not at all, whatever happens on the way."""

import random
import threading
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.digests import Algorithm, digest_of
from fednet.errors import (
    InvalidInput,
    NotFound,
    PermissionDenied,
    TransferCorrupted,
    Unavailable,
)
from fednet.rpc import (
    ModelsStub,
    Receiver,
    download,
    received_bytes,
    upload,
)
from fednet.testing import FaultProxy
from fednet.wire import models_pb2

PIECE = 64
BLAKE3 = Algorithm.BLAKE3
SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 1000]
TASK = "0b1f6c2e-6d0e-4f0b-9d8a-2f4b8f6f3c11"


def content_of(size):
    return random.Random(size).randbytes(size)


class Transfer:
    """One file's way to or from the server."""

    def __init__(self, servicer, stub, here):
        self.server = servicer
        self.stub = stub
        self.here = here

    def upload(self, content, **options):
        """Send these bytes; what the server has then."""
        self.here.write_bytes(content)
        upload(lambda: self.stub, self.here, TASK, **options)
        return self.server.path.read_bytes()

    def download(self, content, **options):
        """Fetch these bytes; what is here then."""
        self.server.path.write_bytes(content)
        ref = BlobRef("MODEL", "an-id", digest_of(content, BLAKE3))
        download(lambda: self.stub, ref, self.here, **options)
        return self.here.read_bytes()

    def clear(self):
        for path in (self.here, self.server.path):
            path.unlink(missing_ok=True)
            Receiver.part_of(path).unlink(missing_ok=True)
        vars(self.server).update(vars(type(self.server)(self.server.path)))


@pytest.fixture(scope="module")
def new_transfer(server_of_files, channel_to, tmp_path_factory):
    """Makes transfers that begin with nothing on either side."""
    servicer, address = server_of_files
    stub = ModelsStub(channel_to(address))
    here = tmp_path_factory.mktemp("here") / "file"

    def make(stub=stub):
        transfer = Transfer(servicer, stub, here)
        transfer.clear()
        return transfer

    return make


@pytest.fixture
def transfer(new_transfer):
    return new_transfer()


WAYS = pytest.mark.parametrize("way", ["upload", "download"])


@WAYS
@pytest.mark.parametrize("size", SIZES)
def test_a_file_arrives_whole(transfer, way, size):
    """Empty, one byte, exactly some pieces, and what lies between; in one attempt."""
    assert getattr(transfer, way)(content_of(size)) == content_of(size)
    assert transfer.server.attempts == [0]


def test_a_first_attempt_is_a_single_call(transfer):
    """How much is there already is asked only after a failure."""
    transfer.upload(content_of(1000))

    assert transfer.server.asked == 0


@WAYS
@given(size=st.sampled_from(SIZES), breaks=st.lists(st.integers(0, 20), max_size=6))
def test_a_transfer_that_breaks_goes_on_where_it_was(new_transfer, way, size, breaks):
    """After any number of pieces, any number of times; and it never begins further back."""
    transfer = new_transfer()
    transfer.server.breaks_after = list(breaks)

    assert getattr(transfer, way)(content_of(size)) == content_of(size)

    assert transfer.server.attempts == sorted(transfer.server.attempts)


@WAYS
@settings(max_examples=25)
@given(cut_at=st.integers(1, 5000))
def test_a_connection_that_is_cut_at_any_byte_is_made_again(
    new_transfer, server_of_files, channel_to, way, cut_at
):
    """Whatever was under way then: a header, a piece, a receipt."""
    with FaultProxy(server_of_files[1]) as proxy:
        channel = channel_to(proxy.address)
        transfer = new_transfer(ModelsStub(channel))
        transfer.stub.Received(models_pb2.UploadId(), timeout=10)
        proxy.cut_after(cut_at)

        assert getattr(transfer, way)(content_of(3000)) == content_of(3000)

        channel.close()


def test_bytes_that_are_all_there_still_need_their_receipt(transfer):
    """A link that broke after the last piece leaves a file that the server has not checked."""
    transfer.server.breaks_after = [2]

    assert transfer.upload(content_of(2 * PIECE)) == content_of(2 * PIECE)
    assert transfer.server.attempts == [0, 2 * PIECE]


def test_an_upload_is_repeated_without_harm(transfer):
    """A file that is there already gets its receipt."""
    transfer.upload(content_of(1000))

    assert transfer.upload(content_of(1000)) == content_of(1000)


def test_an_upload_goes_on_after_a_restart_of_its_sender(transfer):
    """What an earlier process sent is not sent again."""
    content = content_of(10 * PIECE)
    Receiver.part_of(transfer.server.path).write_bytes(content[: 4 * PIECE])

    assert transfer.upload(content) == content
    assert transfer.server.attempts == [0, 4 * PIECE]


def test_an_upload_that_resumes_asks_first(transfer):
    """The bytes that an earlier call brought there cost no failed attempt."""
    content = content_of(10 * PIECE)
    Receiver.part_of(transfer.server.path).write_bytes(content[: 4 * PIECE])

    assert transfer.upload(content, resumes=True) == content
    assert transfer.server.attempts == [4 * PIECE]


def test_a_digest_that_is_known_is_announced_as_it_is(transfer):
    """A file that has changed since does not match it, and never counts."""
    with pytest.raises(TransferCorrupted):
        transfer.upload(content_of(1000), digest=digest_of(b"another file", BLAKE3), attempts_max=2)

    assert len(transfer.server.attempts) == 2
    assert not transfer.server.path.exists()


def test_the_bytes_that_have_arrived_can_be_asked_for(transfer):
    """Of a part and of a whole file."""
    Receiver.part_of(transfer.server.path).write_bytes(b"x" * 100)
    some = received_bytes(transfer.stub, TASK)
    transfer.upload(content_of(1000))

    assert (some, received_bytes(transfer.stub, TASK)) == (100, 1000)


def test_what_is_left_of_another_file_is_thrown_away(transfer):
    """Whether it is longer than the file or begins otherwise: the file is sent from its begin."""
    for left in (b"x" * 2000, b"x" * 100):
        transfer.clear()
        Receiver.part_of(transfer.server.path).write_bytes(left)

        assert transfer.upload(content_of(1000)) == content_of(1000)
        assert transfer.server.attempts[-1] == 0


def test_a_download_goes_on_where_an_earlier_process_was(transfer):
    """Its bytes are part of the digest."""
    content = content_of(1000)
    Receiver.part_of(transfer.here).write_bytes(content[:300])

    assert transfer.download(content) == content
    assert transfer.server.attempts == [300]


def test_a_spoilt_piece_is_sent_again(transfer):
    """Its checksum gives it away, and nothing of it is kept."""
    transfer.server.spoils = 1

    assert transfer.download(content_of(1000)) == content_of(1000)
    assert transfer.server.attempts == [0, 0]


def test_a_file_with_another_digest_is_sent_again_as_a_whole(transfer):
    """What was received is thrown away."""
    transfer.server.lies = 1

    assert transfer.download(content_of(1000)) == content_of(1000)
    assert transfer.server.attempts == [0, 0]


def test_a_file_that_never_has_its_digest_is_given_up(transfer):
    """After a bounded number of attempts, with nothing left behind."""
    transfer.server.lies = 10**6

    with pytest.raises(TransferCorrupted, match="its digest"):
        transfer.download(content_of(1000))

    assert len(transfer.server.attempts) == limits.transfer_attempts_max
    assert not transfer.here.exists()
    assert not Receiver.part_of(transfer.here).exists()


@WAYS
def test_a_transfer_without_progress_is_given_up(transfer, way):
    """After a bounded number of attempts."""
    transfer.server.breaks_after = [0] * 100

    with pytest.raises(Unavailable, match="link broke"):
        getattr(transfer, way)(content_of(1000))

    assert len(transfer.server.attempts) == limits.transfer_attempts_max


@WAYS
def test_a_transfer_that_makes_way_is_never_given_up(transfer, way):
    """However often it breaks."""
    size = 4 * limits.transfer_attempts_max * PIECE
    transfer.server.breaks_after = [1] * (4 * limits.transfer_attempts_max)

    assert getattr(transfer, way)(content_of(size)) == content_of(size)


@WAYS
@pytest.mark.parametrize("refusal", [NotFound, PermissionDenied])
def test_a_refusal_is_not_repeated(transfer, way, refusal):
    """It arrives as itself, at once."""
    transfer.server.refusal = refusal("No.")
    transfer.here.write_bytes(b"")

    with pytest.raises(refusal):
        getattr(transfer, way)(content_of(1000))

    assert transfer.server.asked == 0


@WAYS
def test_a_stop_ends_it_between_two_attempts(transfer, way):
    """However long the pause would have been."""
    stop = threading.Event()
    stop.set()
    transfer.server.breaks_after = [0] * 100

    with pytest.raises(Unavailable):
        getattr(transfer, way)(content_of(1000), stop=stop)

    assert len(transfer.server.attempts) == 1


def test_an_update_that_cannot_be_read_is_named(transfer, tmp_path):
    """The error is ours."""
    with pytest.raises(InvalidInput, match="Cannot read"):
        upload(lambda: transfer.stub, tmp_path / "missing.npz", TASK)


class TestReceiver:
    """The receiving end's rules."""

    CONTENT = b"0123456789"

    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "file"

    def receiver(self, path, offset=0, size=10):
        return Receiver(path, replace(digest_of(self.CONTENT, BLAKE3), size_bytes=size), offset)

    def test_nothing_has_the_file_s_name_before_it_is_whole(self, path):
        """A reader sees all of it or nothing."""
        with self.receiver(path) as receiver:
            receiver.write(self.CONTENT)
            assert not path.exists()
            receiver.finish()

        assert path.read_bytes() == self.CONTENT
        assert list(path.parent.iterdir()) == [path]
        assert digest_of(self.CONTENT, BLAKE3).is_of_file(path)

    @pytest.mark.parametrize("offset", [0, 3, 5, 10])
    def test_only_the_offset_where_it_ended_is_accepted(self, path, offset):
        """A gap or an overlap would spoil the file; what is here stays."""
        Receiver.part_of(path).write_bytes(b"0123")

        with pytest.raises(TransferCorrupted, match="but 4 bytes have arrived"):
            self.receiver(path, offset)

        assert Receiver.offset_of(path) == 4

    def test_what_has_arrived_is_kept_for_the_next_attempt(self, path):
        """Closing is not throwing away."""
        with self.receiver(path) as receiver:
            receiver.write(b"0123")

        with self.receiver(path, Receiver.offset_of(path)) as receiver:
            receiver.write(b"456789")
            receiver.finish()

        assert path.read_bytes() == self.CONTENT

    def test_more_than_was_announced_is_refused(self, path):
        """The surplus is not written."""
        with self.receiver(path) as receiver:
            receiver.write(b"01234567")
            with pytest.raises(TransferCorrupted, match="announced 10"):
                receiver.write(b"89A")

        assert Receiver.offset_of(path) == 8

    def test_an_end_too_early_keeps_what_is_here(self, path):
        """It is not the bytes that are wrong."""
        with self.receiver(path) as receiver:
            receiver.write(b"0123")
            with pytest.raises(TransferCorrupted, match="4 of 10"):
                receiver.finish()

        assert Receiver.offset_of(path) == 4
        assert not path.exists()

    def test_a_wrong_file_is_thrown_away(self, path):
        """Nothing could be made of its bytes."""
        with self.receiver(path) as receiver:
            receiver.write(b"9876543210")
            with pytest.raises(TransferCorrupted, match="its digest"):
                receiver.finish()

        assert list(path.parent.iterdir()) == []

    def test_what_is_longer_than_the_file_is_thrown_away(self, path):
        """So that the next attempt can begin."""
        Receiver.part_of(path).write_bytes(b"x" * 11)

        with pytest.raises(TransferCorrupted, match="Send the file again"):
            self.receiver(path, 11)

        assert Receiver.offset_of(path) == 0

    def test_a_folder_that_is_gone_is_an_error_of_ours(self, path):
        """What the operating system says is mapped."""
        receiver = self.receiver(path.parent / "missing" / "file")

        with pytest.raises(Unavailable, match="cannot write"), receiver:
            pass

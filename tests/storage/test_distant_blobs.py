"""The contract of blob stores that are servers, where the network or the server fails."""

import random
import threading
from contextlib import closing

import pytest

from fednet import limits
from fednet.digests import Algorithm, digest_of
from fednet.errors import Unavailable
from fednet.testing import FaultProxy

# The controller's server leaves a temporary file to the garbage collector when a connection is cut.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)

MIB = limits.MIB
LONG = random.Random(0).randbytes(3 * MIB)
LONG_BLOB = digest_of(LONG, Algorithm.BLAKE3)


@pytest.fixture(autouse=True)
def _small_and_quick(monkeypatch):
    """Parts as small as servers allow, and little patience."""
    monkeypatch.setattr(limits, "chunk_bytes", 256 * limits.KIB)
    monkeypatch.setattr(limits, "blob_part_bytes", MIB)
    monkeypatch.setattr(limits, "retry_seconds_max", 0.2)


@pytest.fixture
def blobs(distant_opener):
    """The store as it is."""
    with closing(distant_opener()) as store:
        yield store


@pytest.fixture
def proxy(blobs, distant_opener):
    """A network that has faults, on the way to the same store."""
    del blobs  # the store is there
    with FaultProxy(distant_opener.host) as link:
        yield link


@pytest.fixture
def far(proxy, distant_opener):
    """The store at the other end of that network."""
    with closing(distant_opener(proxy.address)) as store:
        yield store


def content(blobs, key, *span):
    return b"".join(blobs.read(key, *span))


def pieces(content, count=6):
    step = len(content) // count
    return [content[start : start + step] for start in range(0, len(content), step)]


@pytest.mark.parametrize("sent_bytes", [*range(0, 1500, 100), MIB + 1000, 3 * MIB - 1000])
def test_a_put_survives_a_cut(far, blobs, proxy, sent_bytes):
    """Wherever the connection breaks, it is made again, and nothing is lost or doubled."""
    far.size("warm")
    proxy.cut_after(sent_bytes)

    assert far.put("models/a", pieces(LONG)) == LONG_BLOB
    assert content(blobs, "models/a") == LONG


@pytest.mark.parametrize("read_bytes", [1, MIB, 3 * MIB - 1])
def test_a_read_goes_on_where_it_broke(far, blobs, proxy, read_bytes):
    """Every byte comes once."""
    blobs.put("models/a", [LONG])
    reading = far.read("models/a")
    beginning = next(reading)

    proxy.cut_after(read_bytes)

    assert beginning + b"".join(reading) == LONG


def test_a_read_that_broke_never_goes_on_with_another_blob(far, blobs, proxy):
    """It says so; whoever reads it again gets the new one."""
    other = LONG[::-1]
    blobs.put("models/a", [LONG])
    reading = far.read("models/a")
    found = [next(reading)]

    blobs.put("models/a", [other])
    proxy.cut()

    try:
        found.extend(reading)
    except Unavailable:
        assert LONG.startswith(b"".join(found))
    else:  # all of it was on the way already
        assert b"".join(found) == LONG
    assert content(far, "models/a") == other


def test_a_server_that_is_away_is_unavailable_and_comes_back(far, blobs, proxy):
    """Every method says so; none says that there is no such blob."""
    blobs.put("models/a", [LONG])
    proxy.refuse()
    calls = [
        lambda: far.put("models/b", [b"x"]),
        lambda: far.put("models/b", pieces(LONG)),
        lambda: content(far, "models/a"),
        lambda: far.size("models/a"),
        lambda: far.version("models/a"),
        lambda: list(far.list()),
        lambda: far.delete("models/a"),
    ]

    for call in calls:
        with pytest.raises(Unavailable):
            call()
    assert not far.is_ready()

    proxy.restore()
    assert far.is_ready()
    assert list(far.list()) == ["models/a"]
    assert far.put("models/b", pieces(LONG)) == LONG_BLOB


def test_a_put_during_which_the_server_goes_away_leaves_what_was_there(far, blobs, proxy):
    """It fails, nothing of it is ever visible, and it can be done again once the server is back."""
    blobs.put("models/a", [b"old"])

    def source():
        for number, piece in enumerate(pieces(LONG)):
            if number == 4:
                proxy.refuse()
            yield piece

    with pytest.raises(Unavailable):
        far.put("models/a", source())
    proxy.restore()

    assert content(far, "models/a") == b"old"
    assert list(far.list()) == ["models/a"]
    assert far.put("models/a", pieces(LONG)) == LONG_BLOB
    assert content(blobs, "models/a") == LONG


def test_a_file_that_could_not_be_put_is_still_there(far, proxy, tmp_path):
    """Whoever has it can try again."""
    file = tmp_path / "partial"
    file.write_bytes(LONG)
    proxy.refuse()

    with pytest.raises(Unavailable):
        far.put_file("partials/a", file)
    proxy.restore()

    assert far.put_file("partials/a", file) == LONG_BLOB
    assert not file.exists()


def test_readers_that_stop_early_hold_no_connection(blobs):
    """There are fewer connections than such readers."""
    blobs.put("models/a", [LONG])

    for _ in range(limits.store_requests_max + 2):
        reading = blobs.read("models/a")
        next(reading)
        reading.close()

    assert content(blobs, "models/a") == LONG


def test_many_threads_share_a_store(blobs):
    """More than it has connections for: they wait for one another."""
    blobs.put("models/a", [LONG])
    found, start = [], threading.Barrier(2 * limits.store_requests_max)

    def read():
        start.wait()
        found.append(content(blobs, "models/a") == LONG)

    threads = [threading.Thread(target=read) for _ in range(start.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [True] * start.parties

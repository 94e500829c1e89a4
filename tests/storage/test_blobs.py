"""The contract of the blobs protocol: every backend passes every test."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext

import pytest

from fednet import limits
from fednet.digests import Algorithm, digest_of
from fednet.errors import InvalidInput, NotFound

LONG = bytes(range(256)) * 10  # ten chunks of 256 bytes
ODD_KEYS = [
    "a", "models/3f2a", "a.blob", "a/b.blob", ".", "..", "../x", "../../x/..", "./a",
    ".incoming/a", "~",
       "a b", "a%2Fb", "a%", "a+", "a+/b", "\n", "\0", "'", "\\", "é", "e\u0301", "日本", "🤖",
    "x" * limits.blob_key_bytes_max, "🤖" * (limits.blob_key_bytes_max // 4), "n/" * 100 + "n",
]  # fmt: skip
NO_KEYS = ["", "/", "/a", "a/", "a//b", "x" * (limits.blob_key_bytes_max + 1), "\ud800"]


@pytest.fixture
def blobs(blobs_opener, monkeypatch):
    monkeypatch.setattr(limits, "chunk_bytes", 256)
    with closing(blobs_opener()) as store:
        if (
            type(store).__name__ != "ControllerBlobs"
        ):  # its pieces are larger: see `test_distant_blobs`
            monkeypatch.setattr(limits, "blob_part_bytes", 1000)
        yield store


def content(blobs, key, *span):
    return b"".join(blobs.read(key, *span))


def breaking_off():
    yield b"half "
    raise ConnectionError("the client went away")


def test_a_blob_is_read_as_it_was_put(blobs):
    """And put answers with its size and digest."""
    stored = blobs.put("models/a", [b"one ", b"", b"two"])

    assert stored == digest_of(b"one two", Algorithm.BLAKE3)
    assert content(blobs, "models/a") == b"one two"
    assert blobs.size("models/a") == 7


def test_a_blob_may_be_empty(blobs):
    """Nothing is something."""
    stored = blobs.put("empty", [])

    assert stored == digest_of(b"", Algorithm.BLAKE3)
    assert list(blobs.read("empty")) == []
    assert blobs.size("empty") == 0


def test_putting_again_replaces(blobs):
    """The last one counts, also when it is shorter."""
    blobs.put("a", [b"the first one"])

    blobs.put("a", [b"second"])

    assert content(blobs, "a") == b"second"
    assert list(blobs.list()) == ["a"]


def test_an_absent_blob_has_no_size_no_content_and_no_path(blobs):
    """A read says so at the call, before the first chunk is taken."""
    with pytest.raises(NotFound):
        blobs.read("a")

    assert blobs.size("a") is None
    assert blobs.local_path("a") is None
    assert blobs.delete("a") is False


def test_reading_yields_chunks_of_the_limit(blobs):
    """All but the last are full."""
    blobs.put("a", [LONG, b"rest"])

    assert [len(chunk) for chunk in blobs.read("a")] == [256] * 10 + [4]
    assert [len(chunk) for chunk in blobs.read("a", 100, 600)] == [256, 256, 88]


@pytest.mark.parametrize("offset", [0, 1, 255, 256, 2559, 2560, 2561, 2**70])
@pytest.mark.parametrize("length", [None, 0, 1, 256, 257, 2560, 2**70])
def test_a_range_is_a_slice(blobs, offset, length):
    """Beyond the end there is nothing, and no error."""
    blobs.put("a", [LONG])

    end = None if length is None else offset + length
    assert content(blobs, "a", offset, length) == LONG[offset:end]


@pytest.mark.parametrize("span", [(-1,), (0, -1)])
def test_a_range_is_counted_from_zero(blobs, span):
    """Negative numbers are refused."""
    blobs.put("a", [LONG])

    with pytest.raises(InvalidInput):
        blobs.read("a", *span)


def test_a_put_that_breaks_off_leaves_nothing(blobs):
    """The source's own error passes through; the key stays absent."""
    with pytest.raises(ConnectionError, match="went away"):
        blobs.put("a", breaking_off())

    assert blobs.size("a") is None
    assert list(blobs.list()) == []


def test_a_put_that_breaks_off_leaves_the_old_content(blobs):
    """Nothing half-written is ever read."""
    blobs.put("a", [b"old"])

    with pytest.raises(ConnectionError):
        blobs.put("a", breaking_off())

    assert content(blobs, "a") == b"old"


def test_nothing_is_visible_while_a_put_is_under_way(blobs):
    """Readers see all of it or nothing."""
    seen = []

    def source():
        yield b"half "
        seen.extend([blobs.size("a"), list(blobs.list())])
        yield b"whole"

    blobs.put("a", source())

    assert seen == [None, []]
    assert content(blobs, "a") == b"half whole"


def test_a_reader_keeps_what_it_began_to_read(blobs):
    """Neither a new content nor a delete reaches a reader."""
    blobs.put("a", [LONG])
    replaced, deleted = blobs.read("a"), blobs.read("a")
    beginnings = next(replaced), next(deleted)

    blobs.put("a", [b"new"])
    rest = b"".join(replaced)
    blobs.delete("a")

    assert beginnings[0] + rest == LONG
    assert beginnings[1] + b"".join(deleted) == LONG


def test_concurrent_readers_and_writers_see_whole_blobs(blobs):
    """Whatever a reader finds was put in one piece.

    The tests' S3 server cannot do with two that put the same object at once, so there they take turns.
    """
    start = threading.Barrier(6)
    turn = threading.Lock() if type(blobs).__name__ == "S3Blobs" else nullcontext()
    blobs.put("a", [b"0" * 1000])

    def write(digit):
        start.wait()
        for _ in range(10):
            with turn:
                blobs.put("a", [digit * 500, digit * 500])

    def read():
        start.wait()
        return [content(blobs, "a") for _ in range(30)]

    with ThreadPoolExecutor(6) as threads:
        writing = [threads.submit(write, digit) for digit in (b"1", b"2")]
        reading = [threads.submit(read) for _ in range(4)]
        for work in writing:
            work.result()
        found = {whole for work in reading for whole in work.result()}

    assert found <= {b"0" * 1000, b"1" * 1000, b"2" * 1000}


def test_puts_and_deletes_of_neighbours_do_not_disturb_each_other(blobs):
    """A store may tidy up after a delete, but never under a put."""
    start = threading.Barrier(4)
    blobs.put("partials/earlier/a", [b"x"])

    def work(name):
        start.wait()
        for _ in range(25):
            blobs.put(f"partials/phase/{name}", [name.encode()])
            assert content(blobs, f"partials/phase/{name}") == name.encode()
            assert blobs.delete(f"partials/phase/{name}") is True

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, name) for name in "abcd"]:
            done.result()

    assert list(blobs.list()) == ["partials/earlier/a"]


def test_puts_at_the_same_time_under_a_new_name_are_found(blobs):
    """As when combiners share their partials of a round; a store may have to make a folder for them first."""
    blobs.put("partials/earlier/a", [b"x"])

    with ThreadPoolExecutor(4) as threads:
        for phase in range(20):
            keys = [f"partials/{phase}/{name}" for name in "abcd"]
            list(threads.map(lambda key: blobs.put(key, [key.encode()]), keys))
            assert [content(blobs, key) for key in keys] == [key.encode() for key in keys]


def test_a_deleted_blob_is_gone(blobs):
    """Delete says whether there was something, and the key is free again."""
    blobs.put("models/a", [b"x"])

    assert blobs.delete("models/a") is True
    assert blobs.delete("models/a") is False
    assert blobs.size("models/a") is None
    blobs.put("models/a", [b"y"])
    assert content(blobs, "models/a") == b"y"


def test_list_yields_the_keys_with_a_prefix(blobs):
    """A prefix is a text: it may end within a name, and is never a pattern or a path."""
    keys = {"models/a", "models/ab", "models/b", "modelsx", "packages/a", "partials/p/c 1", "a.b/c"}
    for key in keys:
        blobs.put(key, [b"x"])

    def found(prefix):
        return sorted(blobs.list(prefix))

    assert found("") == sorted(keys)
    assert found("models/") == ["models/a", "models/ab", "models/b"]
    assert found("models/a") == ["models/a", "models/ab"]
    assert found("models") == ["models/a", "models/ab", "models/b", "modelsx"]
    assert found("partials/p/c ") == ["partials/p/c 1"]
    assert found("a.b/") == ["a.b/c"]
    for prefix in ("absent/", "models//", "/", "//", "/models/", "*", "..", "../", "\ud800/"):
        assert found(prefix) == []


def of_tests(keys):
    """Return the keys without the mark of a controller's state store."""
    return [key for key in keys if not key.startswith("network/state-stores/")]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_keys(blobs, key):
    """No character has a meaning of its own, and nothing leaves the store."""
    blobs.put(key, [b"x"])

    assert content(blobs, key) == b"x"
    assert of_tests(blobs.list()) == list(blobs.list(key)) == [key]
    assert blobs.delete(key) is True
    assert of_tests(blobs.list()) == []


def test_no_two_keys_share_a_place(blobs):
    """A key may be the beginning of another, or look like its encoding."""
    keys = [
        "a",
        "a/b",
        "a/b/c",
        "a.blob",
        "a.blob/b",
        "a%2Fb",
        "a+/b",
        "x" * 200,
        "x" * 201,
        "x" * 200 + "/x",
    ]
    for key in keys:
        blobs.put(key, [key.encode()])

    assert [content(blobs, key) for key in keys] == [key.encode() for key in keys]
    assert sorted(blobs.list()) == sorted(keys)


@pytest.mark.parametrize("key", NO_KEYS)
def test_what_is_no_key_is_refused(blobs, key, tmp_path):
    """By every method that takes one, before anything is read or written."""
    file = tmp_path / "file"
    file.touch()
    calls = [
        lambda: blobs.put(key, [b"x"]),
        lambda: blobs.put_file(key, file),
        lambda: blobs.read(key),
        lambda: blobs.size(key),
        lambda: blobs.version(key),
        lambda: blobs.delete(key),
        lambda: blobs.local_path(key),
    ]

    for call in calls:
        with pytest.raises(InvalidInput) as error:
            call()
        assert error.value.field == "key"
    assert file.exists()


def test_a_file_is_taken_over(blobs, tmp_path):
    """Its content is the blob's, and the path is gone."""
    file = tmp_path / "update"
    file.write_bytes(LONG)
    blobs.put("models/a", [b"old"])

    stored = blobs.put_file("models/a", file)

    assert stored == digest_of(LONG, Algorithm.BLAKE3)
    assert content(blobs, "models/a") == LONG
    assert not file.exists()


def test_an_absent_file_cannot_be_taken_over(blobs, tmp_path):
    """The error is ours, and the key stays as it was."""
    with pytest.raises(NotFound):
        blobs.put_file("a", tmp_path / "absent")

    assert blobs.size("a") is None


def test_a_known_digest_is_not_computed_again(blobs, tmp_path):
    """It is returned as it was given, in its algorithm: whoever wrote the file has computed it."""
    known, file = digest_of(b"abc", Algorithm.SHA256), tmp_path / "file"
    file.write_bytes(b"abc")

    assert blobs.put_file("models/a", file, known) == known
    assert b"".join(blobs.read("models/a")) == b"abc"


def test_a_local_path_leads_to_the_content(blobs):
    """Where a store has files, they can be mapped into memory."""
    blobs.put("models/a", [LONG])

    path = blobs.local_path("models/a")

    assert path is None or path.read_bytes() == LONG


def test_a_new_store_is_ready(blobs):
    """It answers."""
    assert blobs.is_ready() is True


def test_a_version_changes_with_the_blob_and_not_by_itself(blobs):
    """By it a reader knows whether it goes on with what it began."""
    blobs.put("a", [b"one"])
    first, again = blobs.version("a"), blobs.version("a")

    blobs.put("a", [b"two"])

    assert first == again
    assert blobs.version("a") != first
    assert blobs.version("absent") is None


@pytest.mark.parametrize("key", NO_KEYS)
def test_what_is_no_key_gets_no_url(blobs, key):
    """Where a store makes URLs for others at all."""
    if blobs.presigner is None:
        return

    for call in (blobs.presigner.get_url, blobs.presigner.put_url):
        with pytest.raises(InvalidInput) as error:
            call(key, 60)
        assert error.value.field == "key"

"""A backup holds everything, is there whole or not at all, and goes from any store into any other."""

import io
import stat
import tarfile
import threading
import tracemalloc
from contextlib import closing
from itertools import islice

import pytest

from fednet import limits
from fednet.errors import FailedPrecondition, InvalidInput, NotFound, Unavailable
from fednet.storage import Collection, _backup_file, back_up, open_blobs, open_documents, restore

NOTES = Collection("notes", indexed=("kind",), unique=("name",))
MODELS = Collection("models")
KINDS = (NOTES, MODELS)
NAMES = ("notes", "models")
ODD = ["a", "a/b", "../x", "..", ".", "é 🤖", "a.blob", "%2e", "\n", "x" * 200]


def show_nothing(_done, _total, _what):
    """Nobody looks."""


@pytest.fixture
def stores():
    """A state store and a blob store, both in memory and filled."""
    documents = open_documents("memory://", [NOTES, MODELS])
    blobs = open_blobs("memory://")
    for number, name in enumerate(ODD):
        documents.insert("notes", {"id": name, "name": name, "kind": number, "\x00": "\x00🤖"})
        blobs.put(name, [name.encode(), b"\0" * number])
    documents.update("notes", "a", {"kind": "changed"}, expected_version=1)
    blobs.put("empty", [])
    return documents, blobs


@pytest.fixture
def empty():
    return open_documents("memory://", [NOTES, MODELS]), open_blobs("memory://")


@pytest.fixture
def file(tmp_path, stores):
    """A backup of the filled stores."""
    path = tmp_path / "backup"
    back_up(path, *stores, NAMES, show_nothing)
    return path


def contents(documents, blobs):
    found = {name: [without_version(each) for each in documents.scan(name)] for name in NAMES}
    return found, {key: b"".join(blobs.read(key)) for key in blobs.list()}


def without_version(document):
    return {name: value for name, value in document.items() if name != "version"}


def test_a_backup_goes_from_any_store_into_any_other(state_store_url, tmp_path, stores, empty):
    """Documents in their order and blobs with every odd name; this is how one moves to another store."""
    with (
        closing(open_documents(state_store_url, [NOTES, MODELS])) as documents,
        closing(open_blobs(f"file://{tmp_path}/blobs")) as blobs,
    ):
        made = back_up(tmp_path / "first", *stores, NAMES, show_nothing)
        taken = restore(tmp_path / "first", documents, blobs, KINDS, show_nothing)
        back_up(tmp_path / "second", documents, blobs, NAMES, show_nothing)
        restore(tmp_path / "second", *empty, KINDS, show_nothing)

        assert contents(*stores) == contents(documents, blobs) == contents(*empty)
    assert made == taken
    assert (made.documents, made.blobs) == ({"notes": len(ODD), "models": 0}, len(ODD) + 1)


def test_many_documents_are_kept_in_order_and_in_parts(tmp_path, empty, monkeypatch):
    """However many there are, a part of the file is of a bounded size."""
    monkeypatch.setattr(limits, "backup_part_bytes", 1000)
    documents = open_documents("memory://", [NOTES, MODELS])
    documents.insert_missing("notes", [{"id": str(number)} for number in range(500)])

    back_up(tmp_path / "backup", documents, open_blobs("memory://"), NAMES, show_nothing)
    restore(tmp_path / "backup", *empty, KINDS, show_nothing)

    assert [each["id"] for each in empty[0].scan("notes")] == [str(n) for n in range(500)]
    with tarfile.open(tmp_path / "backup") as archive:
        sizes = [member.size for member in archive]
    assert len(sizes) > 10
    assert max(sizes) < 1100


def test_only_its_owner_may_read_a_backup(file):
    """It holds the models of everybody."""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_any_tar_reads_a_backup_and_nothing_in_it_leads_out_of_its_folder(file, tmp_path):
    """Blobs lie in it as in a folder of blobs, documents as lines of JSON."""
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")

    blobs = open_blobs(f"file://{tmp_path}/unpacked/blobs")
    assert b"".join(blobs.read("../x")).startswith(b"../x")


def test_a_cut_backup_is_refused_wherever_it_was_cut_and_nothing_is_written(file, empty):
    """As a full disk or a broken copy leaves it."""
    whole = file.read_bytes()
    end = whole.index(b"end.json")

    for size in [0, 1, 511, 512, 5000, end - 1, end + 100, end + 512, end + 600]:
        file.write_bytes(whole[:size])
        with pytest.raises(InvalidInput, match="is incomplete"):
            restore(file, *empty, KINDS, show_nothing)

    assert contents(*empty) == ({"notes": [], "models": []}, {})


def test_a_changed_backup_is_refused_wherever_it_was_changed(file, empty):
    """Names, sizes and contents are all covered by the digest."""
    whole = bytearray(file.read_bytes())
    with tarfile.open(file) as archive:
        places = [member.offset_data for member in archive if member.size]
        places += [member.offset for member in archive]

    for place in places:
        changed = whole.copy()
        changed[place] ^= 1
        file.write_bytes(changed)
        with pytest.raises(InvalidInput):
            restore(file, *empty, KINDS, show_nothing)

    assert contents(*empty) == ({"notes": [], "models": []}, {})


@pytest.mark.parametrize("content", [b"", b"something else" * 1000, None])
def test_what_is_no_backup_is_refused(tmp_path, empty, content):
    """Another file, or a tar of something else."""
    path = tmp_path / "file"
    if content is None:
        with tarfile.open(path, "w") as archive:
            archive.addfile(tarfile.TarInfo("x"), io.BytesIO())
    else:
        path.write_bytes(content)

    with pytest.raises(InvalidInput) as error:
        restore(path, *empty, KINDS, show_nothing)

    assert error.value.field == "file"


def test_an_absent_backup_is_refused(tmp_path, empty):
    """With its path."""
    with pytest.raises(FailedPrecondition, match="absent"):
        restore(tmp_path / "absent", *empty, KINDS, show_nothing)


def test_a_backup_of_a_newer_version_is_refused(file, empty):
    """One of a newer format, and one of collections that are unknown here."""
    with pytest.raises(FailedPrecondition, match=r"models.*upgrade"):
        restore(file, *empty, [NOTES], show_nothing)
    with tarfile.open(file, "w") as archive:
        archive.addfile(tarfile.TarInfo("fednet-backup-3"), io.BytesIO())
    with pytest.raises(FailedPrecondition, match="upgrade"):
        restore(file, *empty, KINDS, show_nothing)


def test_stores_that_hold_something_are_refused_unless_told(file, stores, empty):
    """The error says what they hold and how to add to it."""
    documents, blobs = empty
    blobs.put("a", [b"old"])
    with pytest.raises(FailedPrecondition, match=r"blobs.*--add"):
        restore(file, documents, blobs, KINDS, show_nothing)
    documents.insert("notes", {"id": "a/b", "kind": "old"})

    restore(file, documents, blobs, KINDS, show_nothing, add=True)

    assert documents.get("notes", "a/b")["kind"] == "old"
    assert documents.count("notes") == len(ODD)
    assert contents(documents, blobs)[1] == contents(*stores)[1]


def test_empty_stores_are_not_backed_up(tmp_path, empty):
    """An address that was mistyped is an empty store, and its backup would be taken for a good one."""
    with pytest.raises(FailedPrecondition, match="nothing"):
        back_up(tmp_path / "backup", *empty, NAMES, show_nothing)

    assert list(tmp_path.iterdir()) == []


class Failing:
    """A blob store that stops answering after some chunks."""

    def __init__(self, blobs):
        self._blobs = blobs

    def __getattr__(self, name):
        return getattr(self._blobs, name)

    def read(self, key):
        yield from islice(self._blobs.read(key), 0)
        raise Unavailable("The blob store does not answer.")


def test_a_backup_that_fails_leaves_the_one_before(file, stores):
    """And nothing else in the folder."""
    documents, blobs = stores
    before = file.read_bytes()

    with pytest.raises(Unavailable):
        back_up(file, documents, Failing(blobs), NAMES, show_nothing)

    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_that_cannot_be_written_is_told(tmp_path, stores):
    """Before anything is read."""
    with pytest.raises(FailedPrecondition, match="Cannot write"):
        back_up(tmp_path / "absent" / "backup", *stores, NAMES, show_nothing)


def test_what_a_document_speaks_of_is_in_the_backup_though_others_write(tmp_path, empty):
    """Whoever writes the blob first and its document then may go on while a backup is made."""
    documents = open_documents(f"sqlite:///{tmp_path}/state.db", [NOTES, MODELS])
    blobs = open_blobs(f"file://{tmp_path}/blobs")
    begun, stop = threading.Event(), threading.Event()

    def write():
        for number in range(1_000_000):
            blobs.put(f"models/{number}", [b"x" * 1000])
            documents.insert("models", {"id": str(number)})
            if number == 50:
                begun.set()
            if stop.is_set():
                return

    writing = threading.Thread(target=write)
    writing.start()
    begun.wait()
    back_up(tmp_path / "backup", documents, blobs, NAMES, show_nothing)
    stop.set()
    writing.join()
    documents.close()
    restore(tmp_path / "backup", *empty, KINDS, show_nothing)

    found, kept = contents(*empty)
    assert len(found["models"]) > 50
    assert {f"models/{each['id']}" for each in found["models"]} <= set(kept)


@pytest.mark.parametrize("when", ["before its first byte", "amid its bytes"])
def test_a_blob_that_is_deleted_while_it_is_copied_is_left_out(tmp_path, stores, empty, when):
    """As partials are while a session runs; what comes after it is whole."""
    documents, blobs = stores
    given = blobs.read

    def read(key):
        if key == "a/b":
            yield from [] if when.startswith("before") else [b"a"]
            blobs.delete(key)
            raise NotFound("It is gone.")
        yield from given(key)

    blobs.read = read
    made = back_up(tmp_path / "backup", documents, blobs, NAMES, show_nothing)
    del blobs.read
    restore(tmp_path / "backup", *empty, KINDS, show_nothing)

    assert contents(*empty) == contents(*stores)
    assert made.blobs == len(ODD)


def test_a_blob_larger_than_memory_goes_through(tmp_path):
    """Of 64 MiB only some chunks are held at a time, either way."""
    source, target = (open_blobs(f"file://{tmp_path}/{name}") for name in ("source", "target"))
    source.put("large", (bytes(limits.MIB) for _ in range(64)))
    documents = open_documents("memory://", [NOTES, MODELS])
    tracemalloc.start()

    back_up(tmp_path / "backup", documents, source, NAMES, show_nothing)
    restore(tmp_path / "backup", documents, target, KINDS, show_nothing)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert target.size("large") == 64 * limits.MIB
    assert peak < 8 * limits.MIB


def test_blobs_on_their_way_are_left_out(tmp_path, stores, empty):
    """They are told by the beginning of their keys."""
    stores[1].put("incoming/u/0", [b"piece"])
    kept = contents(*stores)
    del kept[1]["incoming/u/0"]

    made = back_up(tmp_path / "x", *stores, NAMES, show_nothing, without="incoming/")
    restore(tmp_path / "x", *empty, KINDS, show_nothing)

    assert contents(*empty) == kept
    assert made.blobs == len(kept[1])


def test_progress_ends_with_all(stores, tmp_path, empty):
    """Documents and blobs are counted together."""
    told = []
    back_up(tmp_path / "backup", *stores, NAMES, lambda *step: told.append(step))
    restore(tmp_path / "backup", *empty, KINDS, lambda *step: told.append(step))

    total = 2 * len(ODD) + 1
    assert (total, total, "blobs") in told
    assert (total, total, "notes") in told


def in_new_words(note):
    """Return a note as the next version calls its fields."""
    return {{"kind": "sort"}.get(name, name): value for name, value in note.items()}


def test_a_backup_of_an_older_version_is_upgraded(tmp_path, stores, empty, monkeypatch):
    """Its documents have the words of that version; one of today's is taken as it is."""
    kinds = [Collection("notes", ("sort",), ("name",), upgraded=in_new_words), MODELS]
    with monkeypatch.context() as older:
        older.setattr(_backup_file, "_FORMAT", 1)
        back_up(tmp_path / "old", *stores, NAMES, show_nothing)
    documents = open_documents("memory://", kinds)

    restore(tmp_path / "old", documents, empty[1], kinds, show_nothing)

    assert documents.count("notes") == len(ODD)
    assert documents.get("notes", "a")["sort"] == "changed"
    back_up(tmp_path / "new", documents, empty[1], NAMES, show_nothing)
    again = open_documents("memory://", kinds), open_blobs("memory://")
    restore(tmp_path / "new", *again, kinds, show_nothing)
    assert contents(*again) == contents(documents, empty[1])

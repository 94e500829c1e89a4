"""The models and packages of a network."""

import hashlib
import io

import numpy as np
import pytest
from safetensors.numpy import save

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.catalog import Catalog, PackageDescription
from fednet.controller.records import Records, new_id, timestamp
from fednet.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidInput,
    InvalidModel,
    InvalidPackage,
    LimitExceeded,
    NotFound,
)

SOMEBODY = Principal.of(Role.SCIENTIST, "u1", "ada")
ABOUT = PackageDescription(helper="numpyhelper", name="digits", file_name="digits.tgz")


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


BAD_MODELS = {
    "junk": b"junk",
    "objects": npz(**{"0": np.array([None])}),
    "nan": npz(**{"0": np.array([1.0, np.nan])}),
}


RAW_MODEL = np.arange(6.0).tobytes()
TENSORS = save({"w": np.ones(3, np.float32)})
BAD_UPLOADS = {
    "npz as numbers": ("binaryhelper", npz(**{"0": np.ones(3)}), "one of numpyhelper"),
    "npz as safetensors": ("safetensors", npz(**{"0": np.ones(3)}), "one of numpyhelper"),
    "safetensors as npz": ("numpyhelper", TENSORS, "one of safetensors"),
    "safetensors as numbers": ("androidhelper", TENSORS, "one of safetensors"),
    "numbers as npz": ("numpyhelper", RAW_MODEL, "not an npz archive"),
    "numbers as safetensors": ("safetensors", RAW_MODEL, "not a safetensors file"),
    "numbers of nobody": (None, RAW_MODEL, "name the helper"),
    "half a number": ("binaryhelper", RAW_MODEL[:-3], "not a vector of float64"),
    "half a number of float32": ("androidhelper", RAW_MODEL[:-3], "not a vector of float32"),
    "nan in numbers": ("binaryhelper", np.array([1, np.nan]).tobytes(), "Array '0' holds NaN"),
    "nan in tensors": (None, save({"w": np.array([np.inf])}), "Array 'w' holds NaN"),
    "cut tensors": (None, TENSORS[:-1], "the file has"),
    "longer tensors": (None, TENSORS + b"x", "the file has"),
    "tensors of text": (None, TENSORS.replace(b"F32", b"BF8"), "dtype BF8"),
}


@pytest.fixture
def trail(records):
    """Four models, each the child of the one before; their ids, oldest first."""
    ids = [new_id() for _ in range(4)]
    for parent, child in zip([None, *ids], ids, strict=False):
        records.insert(
            "models",
            {"id": child, "parent_id": parent, "committed_at": timestamp()},
        )
    return ids


def test_a_model_is_kept_and_made_active(catalog, blobs, model_bytes):
    """The document says where it came from, and the file's size and digest."""
    content = model_bytes()

    model = catalog.set_active_model(SOMEBODY, io.BytesIO(content))

    assert catalog.active_model() == model
    assert b"".join(blobs.read(f"models/{model['id']}")) == content
    assert (model["parent_id"], model["session_id"]) == (None, None)
    assert model["created_by"] == {"kind": "user", "id": "u1", "name": "ada"}
    assert model["size_bytes"] == len(content)
    assert model["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("content", BAD_MODELS.values(), ids=BAD_MODELS)
def test_of_a_bad_model_nothing_is_kept(catalog, records, blobs, content):
    """No blob, no document, no file, and no active model."""
    with pytest.raises(InvalidModel):
        catalog.set_active_model(SOMEBODY, io.BytesIO(content))

    assert list(blobs.list()) == []
    assert records.count("models") == 0
    assert list(catalog.work_dir.iterdir()) == []
    with pytest.raises(NotFound, match="set_active_model"):
        catalog.active_model()


@pytest.mark.parametrize(("helper", "content", "words"), BAD_UPLOADS.values(), ids=BAD_UPLOADS)
def test_a_file_that_is_not_of_its_helper_is_refused(catalog, records, helper, content, words):
    """With what it is, where it shows that; nothing is kept, and the network's helper stays."""
    with pytest.raises(InvalidModel, match=words):
        catalog.set_active_model(SOMEBODY, io.BytesIO(content), helper=helper)

    assert records.count("models") == 0
    assert list(catalog.work_dir.iterdir()) == []
    assert catalog.active_helper() == "numpyhelper"


def test_an_unknown_helper_is_refused_before_anything_is_received(catalog, package_bytes):
    """Of a model and of a package."""
    source = io.BytesIO(RAW_MODEL)

    with pytest.raises(InvalidInput) as of_model:
        catalog.set_active_model(SOMEBODY, source, helper="pickle")
    with pytest.raises(InvalidInput) as of_package:
        catalog.set_active_package(
            SOMEBODY, io.BytesIO(package_bytes), PackageDescription(helper="pickle")
        )

    assert (of_model.value.field, of_package.value.field) == ("helper", "helper")
    assert source.tell() == 0


def test_the_format_is_what_is_said_or_what_the_file_shows_or_the_networks(catalog, package_bytes):
    """In this order; the network's is then that of the model."""

    def uploaded(content, helper=None):
        model = catalog.set_active_model(SOMEBODY, io.BytesIO(content), helper=helper)
        assert catalog.active_helper() == model["helper"]
        return model["helper"], catalog.parameters(model)

    assert uploaded(RAW_MODEL, "binaryhelper") == ("binaryhelper", [[0, 1, 2, 3, 4, 5]])
    assert uploaded(RAW_MODEL) == ("binaryhelper", [[0, 1, 2, 3, 4, 5]])
    assert uploaded(TENSORS) == ("safetensors", [[1, 1, 1]])
    assert uploaded(npz(**{"0": np.ones(2)})) == ("numpyhelper", [[1, 1]])
    catalog.set_active_package(
        SOMEBODY, io.BytesIO(package_bytes), PackageDescription(helper="androidhelper")
    )
    assert uploaded(np.ones(3, "<f4").tobytes()) == ("androidhelper", [[1, 1, 1]])


def test_an_empty_file_is_refused(catalog):
    """The error names the field."""
    with pytest.raises(InvalidInput) as caught:
        catalog.set_active_model(SOMEBODY, io.BytesIO())

    assert caught.value.field == "file"


def test_a_model_that_is_too_large_is_refused_before_it_fills_the_disk(
    catalog, monkeypatch, model_bytes
):
    """Reading stops at the limit."""
    monkeypatch.setattr(limits, "model_bytes_max", 100)
    monkeypatch.setattr(limits, "chunk_bytes", 10)
    source = io.BytesIO(model_bytes())

    with pytest.raises(LimitExceeded):
        catalog.set_active_model(SOMEBODY, source)

    assert source.tell() == 110
    assert list(catalog.work_dir.iterdir()) == []


def test_a_source_that_breaks_off_leaves_nothing(catalog, records):
    """The error of the source comes through."""

    class Broken(io.BytesIO):
        def read(self, _size=-1):
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        catalog.set_active_model(SOMEBODY, Broken())

    assert records.count("models") == 0
    assert list(catalog.work_dir.iterdir()) == []


def test_sending_the_same_again_changes_nothing(catalog, records, model_bytes):
    """An upload whose answer was lost may be repeated under its id."""
    model_id = new_id()

    first = catalog.set_active_model(SOMEBODY, io.BytesIO(model_bytes()), model_id)
    second = catalog.set_active_model(SOMEBODY, io.BytesIO(model_bytes()), model_id)

    assert first == second
    assert first["id"] == model_id
    assert records.count("models") == 1


def test_an_id_belongs_to_one_file(catalog, blobs, model_bytes):
    """The first one stays as it is."""
    model_id = new_id()
    catalog.set_active_model(SOMEBODY, io.BytesIO(model_bytes(1.0)), model_id)

    with pytest.raises(AlreadyExists):
        catalog.set_active_model(SOMEBODY, io.BytesIO(model_bytes(2.0)), model_id)

    assert b"".join(blobs.read(f"models/{model_id}")) == model_bytes(1.0)


def test_a_package_is_kept_and_made_active(catalog, blobs, package_bytes):
    """The document says where it came from, and the file's size and digest."""
    package = catalog.set_active_package(SOMEBODY, io.BytesIO(package_bytes), ABOUT)

    assert catalog.active_package() == package
    assert b"".join(blobs.read(f"packages/{package['id']}")) == package_bytes
    assert (package["name"], package["helper"]) == ("digits", "numpyhelper")
    assert package["created_by"] == {"kind": "user", "id": "u1", "name": "ada"}
    assert (package["file_name"], package["description"]) == ("digits.tgz", None)
    assert package["sha256"] == hashlib.sha256(package_bytes).hexdigest()


def test_of_a_bad_package_nothing_is_kept(catalog, records, blobs):
    """A package is looked into before it is kept."""
    with pytest.raises(InvalidPackage):
        catalog.set_active_package(SOMEBODY, io.BytesIO(b"junk"), ABOUT)

    assert list(blobs.list()) == []
    assert records.count("packages") == 0
    with pytest.raises(NotFound, match="set_active_package"):
        catalog.active_package()


def test_an_earlier_model_or_package_can_be_made_active_again(catalog, model_bytes, package_bytes):
    """Nothing is uploaded for it."""
    model = catalog.set_active_model(SOMEBODY, io.BytesIO(model_bytes(1.0)))
    package = catalog.set_active_package(SOMEBODY, io.BytesIO(package_bytes), ABOUT)
    catalog.set_active_model(SOMEBODY, io.BytesIO(model_bytes(2.0)))
    catalog.set_active_package(SOMEBODY, io.BytesIO(package_bytes), ABOUT)

    catalog.activate_model(SOMEBODY, model["id"])
    catalog.activate_package(SOMEBODY, package["id"])

    assert catalog.active_model() == model
    assert catalog.active_package() == package


def test_what_is_not_there_cannot_be_made_active(catalog):
    """What was active stays so."""
    with pytest.raises(NotFound):
        catalog.activate_model(SOMEBODY, "nope")
    with pytest.raises(NotFound):
        catalog.activate_package(SOMEBODY, "nope")


@pytest.mark.parametrize("is_first_deleted", [False, True])
def test_a_model_that_is_deleted_while_it_is_made_active_is_not_active(
    catalog, records, model_bytes, monkeypatch, is_first_deleted
):
    """The one before is active again; none is, if that was deleted as well."""
    first, second = (
        catalog.set_active_model(SOMEBODY, io.BytesIO(model_bytes(value))) for value in (1.0, 2.0)
    )
    catalog.activate_model(SOMEBODY, first["id"])
    deleted = [second["id"], first["id"]][: 1 + is_first_deleted]
    set_active = Records.set_active

    def and_delete(self, **changes):
        for each in deleted:
            self.update("models", each, lambda _: {"file_deleted_at": "2026-01-01T00:00:00Z"})
        return set_active(self, **changes)

    monkeypatch.setattr(Records, "set_active", and_delete)
    with pytest.raises(FailedPrecondition):
        catalog.activate_model(SOMEBODY, second["id"])

    assert records.active()["model_id"] == (None if is_first_deleted else first["id"])


def test_a_range_of_a_file_is_read(catalog, model_bytes):
    """So that a download can go on where it broke off."""
    content = model_bytes()
    model = catalog.set_active_model(SOMEBODY, io.BytesIO(content))

    assert b"".join(catalog.read("models", model, 5, 7)) == content[5:12]


def test_ancestors_are_the_chain_of_parents(catalog, trail):
    """Nearest first, as many as asked for."""

    def ancestors(*args, **options):
        return [each["id"] for each in catalog.ancestors(*args, **options)]

    assert ancestors(trail[3], 10) == [trail[2], trail[1], trail[0]]
    assert ancestors(trail[3], 2, include_self=True) == [trail[3], trail[2]]
    assert ancestors(trail[0], 10) == []


def test_descendants_come_generation_by_generation(catalog, records, trail):
    """A model may have several children."""
    twin = new_id()
    records.insert("models", {"id": twin, "parent_id": trail[0]})

    found = [each["id"] for each in catalog.descendants(trail[0], 10)]

    assert set(found[:2]) == {trail[1], twin}
    assert found[2:] == [trail[2], trail[3]]
    assert len(catalog.descendants(trail[0], 2)) == 2


def test_the_trail_of_an_unknown_model_is_not_found(catalog):
    """In both directions."""
    with pytest.raises(NotFound):
        catalog.ancestors("nope", 10)
    with pytest.raises(NotFound):
        catalog.descendants("nope", 10)


@pytest.mark.parametrize("is_same", [True, False])
def test_a_call_that_another_controller_does_at_the_same_moment_gives_one_model(
    records, blobs, tmp_path, is_same, model_bytes
):
    """The slower one answers with it, unless it has another file."""
    id_ = new_id()
    quicker = Catalog(records, blobs, tmp_path / "quicker")

    class Slow:
        """The blobs; before a file is put, the other controller does all of the call."""

        def put_file(self, key, path, known):
            quicker.set_active_model(SOMEBODY, io.BytesIO(model_bytes()), id_)
            return blobs.put_file(key, path, known)

    slower = Catalog(records, Slow(), tmp_path / "slower")
    source = io.BytesIO(model_bytes() if is_same else model_bytes(2.0))

    if is_same:
        assert (
            slower.set_active_model(SOMEBODY, source, id_)["sha256"]
            == hashlib.sha256(model_bytes()).hexdigest()
        )
    else:
        with pytest.raises(AlreadyExists):
            slower.set_active_model(SOMEBODY, source, id_)
    assert records.count("models") == 1


def test_what_a_killed_process_was_receiving_is_discarded(catalog):
    """At the next start."""
    catalog.work_dir.mkdir()
    (catalog.work_dir / "upload-1").write_bytes(b"half")

    catalog.discard_unfinished()

    assert list(catalog.work_dir.iterdir()) == []

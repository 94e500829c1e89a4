"""The marks by which a state store and a blob store know that they belong together."""

import uuid
from contextlib import closing

import pytest
from click.testing import CliRunner

from fednet import limits
from fednet.cli import main
from fednet.controller.backup import back_up, restore
from fednet.controller.records import COLLECTIONS, Records
from fednet.controller.store_mark import adopt_blobs, belong_together
from fednet.settings import ControllerSettings
from fednet.storage import open_blobs, open_documents

MARKS = "network/state-stores/"


@pytest.fixture
def other_records():
    """The documents of another network, or an empty state store with a mistyped address."""
    with closing(open_documents("memory://", COLLECTIONS)) as documents:
        yield Records(documents)


@pytest.fixture
def add_model(blobs):
    """Adds a model's file, and its document if a network is given."""

    def add(records=None):
        id_ = str(uuid.uuid4())
        blobs.put(f"models/{id_}", [b"model"])
        if records:
            records.insert("models", {"id": id_})

    return add


def test_new_stores_belong_together(records, blobs):
    """Also at each later look."""
    assert belong_together(records, blobs)
    assert belong_together(records, blobs)


def test_stores_of_an_earlier_version_belong_together(records, blobs, add_model, monkeypatch):
    """They have models, which the documents name, and no mark; other programs' blobs do not count."""
    monkeypatch.setattr(limits, "page_items_max", 2)
    for _ in range(3):
        add_model(records)
    blobs.put("models/of-another-program", [b"x"])

    assert belong_together(records, blobs)


def test_a_kill_between_the_document_and_the_mark_is_made_good(records, blobs):
    """The document is first."""
    assert belong_together(records, blobs)
    for key in list(blobs.list()):
        blobs.delete(key)

    assert belong_together(records, blobs)


def test_blobs_that_two_networks_use_belong_to_neither(records, blobs, other_records, caplog):
    """The first one would delete the files of the second as well; both say so."""
    assert belong_together(records, blobs)

    assert not belong_together(other_records, blobs)
    assert not belong_together(records, blobs)
    assert caplog.text.count("fednet controller adopt-blobs") == 2


def test_of_two_networks_that_start_at_once_neither_owns_the_blobs(
    records, blobs, other_records, monkeypatch
):
    """Both have seen a blob store without a mark."""
    put, others = type(blobs).put, []

    def and_start_the_other(self, *more):
        if not others:
            others.append(1)
            assert belong_together(other_records, blobs)
        return put(self, *more)

    monkeypatch.setattr(type(blobs), "put", and_start_the_other)

    assert not belong_together(records, blobs)
    assert not belong_together(other_records, blobs)


def test_of_two_controllers_that_start_at_once_both_own_the_blobs(records, blobs, monkeypatch):
    """They write the same mark."""
    put, others = type(blobs).put, []

    def and_start_the_other(self, *more):
        if not others:
            others.append(1)
            assert belong_together(records, blobs)
        return put(self, *more)

    monkeypatch.setattr(type(blobs), "put", and_start_the_other)

    assert belong_together(records, blobs)
    assert len(list(blobs.list(MARKS))) == 1


@pytest.mark.parametrize("has_run", [False, True])
@pytest.mark.parametrize("has_models", [False, True])
def test_a_state_store_does_not_own_unmarked_blobs_of_others(
    records, blobs, add_model, has_run, has_models
):
    """An earlier version stored them, and the address of the blob store is wrong."""
    if has_run:
        with closing(open_blobs("memory://")) as right_blobs:
            assert belong_together(records, right_blobs)
    add_model(records if has_models else None)
    add_model()

    assert not belong_together(records, blobs)
    assert not belong_together(records, blobs)


def test_an_operator_may_adopt_the_blobs(records, blobs, other_records, add_model):
    """Until the state store before comes back."""
    add_model()
    assert not belong_together(records, blobs)
    assert not belong_together(other_records, blobs)

    adopt_blobs(other_records, blobs)

    assert belong_together(other_records, blobs)
    assert not belong_together(records, blobs)
    assert not belong_together(other_records, blobs)


def test_a_command_adopts_the_blobs(tmp_path):
    """For stores that are named by their addresses."""
    folder, key = tmp_path / "data", f"models/{uuid.uuid4()}"
    with closing(open_blobs(f"file://{folder}/blobs")) as blobs:
        blobs.put(key, [b"model"])

    outcome = CliRunner().invoke(main, ["controller", "adopt-blobs", "--data-dir", str(folder)])

    assert outcome.exit_code == 0, outcome.output
    assert "adopted" in outcome.output
    with (
        closing(open_documents(f"sqlite:///{folder}/state.db", COLLECTIONS)) as documents,
        closing(open_blobs(f"file://{folder}/blobs")) as blobs,
    ):
        assert belong_together(Records(documents), blobs)
        assert key in set(blobs.list())


def opened(settings):
    """Return True if the stores of a controller belong together."""
    with (
        closing(open_documents(settings.state_store_url, COLLECTIONS)) as documents,
        closing(open_blobs(settings.blob_store_url)) as blobs,
    ):
        return belong_together(Records(documents), blobs)


def test_restored_stores_belong_together(tmp_path):
    """A backup has the document and the mark; stores that were not empty have two marks."""
    before, after, used = (
        ControllerSettings(data_dir=tmp_path / name) for name in ("before", "after", "used")
    )
    assert opened(before)
    assert opened(used)
    back_up(before, tmp_path / "backup", lambda *_: None)
    restore(after, tmp_path / "backup", lambda *_: None)
    restore(used, tmp_path / "backup", lambda *_: None, add=True)

    assert opened(after)
    assert not opened(used)

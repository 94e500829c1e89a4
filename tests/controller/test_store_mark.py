"""The mark by which a state store and a blob store know that they belong together."""

import uuid
from contextlib import closing

import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.controller.records import COLLECTIONS, Records
from fednet.controller.store_mark import adopt_blobs, belong_together
from fednet.storage import open_blobs, open_documents


@pytest.fixture
def other_records():
    """The documents of another network, or an empty state store with a mistyped address."""
    with closing(open_documents("memory://", COLLECTIONS)) as documents:
        yield Records(documents)


def test_new_stores_belong_together(records, blobs):
    """Also at each later look."""
    assert belong_together(records, blobs)
    assert belong_together(records, blobs)


def test_stores_of_an_earlier_version_belong_together(records, blobs):
    """They have models, and no mark."""
    blobs.put("models/m", [b"model"])
    records.insert("models", {"id": "m"})

    assert belong_together(records, blobs)


def test_a_kill_between_the_two_marks_is_made_good(records, blobs):
    """The document is first."""
    assert belong_together(records, blobs)
    for key in list(blobs.list()):
        blobs.delete(key)

    assert belong_together(records, blobs)


def test_a_second_network_does_not_own_the_blobs_of_the_first(
    records, blobs, other_records, caplog
):
    """It says so, whatever it adds meanwhile; the first network goes on."""
    belong_together(records, blobs)

    assert not belong_together(other_records, blobs)
    other_records.insert("models", {"id": "m"})
    assert not belong_together(other_records, blobs)
    assert "fednet controller adopt-blobs" in caplog.text
    assert belong_together(records, blobs)


def test_a_new_state_store_does_not_own_blobs_without_a_mark(blobs, other_records):
    """An earlier version stored them."""
    blobs.put("models/m", [b"model"])

    assert not belong_together(other_records, blobs)
    other_records.insert("models", {"id": "n"})
    assert not belong_together(other_records, blobs)


def test_an_operator_may_adopt_the_blobs(records, blobs, other_records):
    """Then the state store before owns them no more."""
    belong_together(records, blobs)
    assert not belong_together(other_records, blobs)

    adopt_blobs(other_records, blobs)

    assert belong_together(other_records, blobs)
    assert not belong_together(records, blobs)


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

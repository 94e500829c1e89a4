"""Updates that outlive their round because the session asked for it: people find them, nothing else does."""

import json
import os

import numpy as np
import pytest

from fednet.combiner.engine.engine import Engine
from fednet.combiner.engine.partials import SharedPartials
from fednet.combiner.engine.retained import Retained
from fednet.combiner.engine.spool import Spool
from fednet.combiner.machine.assignment import task_id_of
from fednet.errors import Unavailable
from fednet.parameters import load_parameters


async def over(combiner, phase, *clients):
    """Run a phase from its start to its release, in which these clients answer."""
    await combiner.start(phase)
    for client in clients:
        combiner.answer(phase, client, 1, 2, 3, num_examples=7)
    await combiner.until("update_folded", len(clients))
    await combiner.release(phase)


def pages(combiner):
    """Return the retained files of each phase, and the page about them."""
    return {
        folder.name: (
            {path.name for path in folder.iterdir()},
            json.loads((folder / "round.json").read_text()),
        )
        for folder in combiner.spool.retained.iterdir()
    }


def told(combiner):
    events = combiner.kept()
    return [event.log for event in events if event.WhichOneof("event") == "log"]


async def test_updates_stay_with_a_page_that_says_whose_they_are(combiner, phase_of):
    """No request, result, half upload or partial stays with them; a status says where they are."""
    await combiner.restart()
    phase = phase_of("a", "b", "c", retain_updates=True, share_partial=True, round_number=4)
    await combiner.start(phase)
    place = combiner.upload_place("c", task_id_of(phase.phase_id, "c")).path
    place.with_suffix(".part").write_bytes(b"half")

    await over(combiner, phase, "a", "b")

    folder = combiner.spool.retained / phase.phase_id
    a, b = (task_id_of(phase.phase_id, client) for client in ("a", "b"))
    files, page = pages(combiner)[phase.phase_id]
    assert files == {"round.json", a, b}
    assert page == {
        "session_id": "session",
        "round_id": "",
        "round_number": 4,
        "model_id": phase.model.id,
        "updates": [
            {"client_id": "a", "file": a, "num_examples": 7.0},
            {"client_id": "b", "file": b, "num_examples": 7.0},
        ],
    }
    np.testing.assert_array_equal(load_parameters(folder / a)[0], [1, 2, 3])
    assert list(combiner.store.list("partials/")) == []
    [log] = told(combiner)
    assert log.text.startswith("2 updates of this round (")
    assert str(folder) in log.text
    await combiner.close()


async def test_updates_stay_though_the_blob_store_is_away(combiner, phase_of, monkeypatch):
    """Retained updates need nothing of the blob store."""
    await combiner.restart()
    phase = phase_of("a", retain_updates=True, share_partial=True)

    def away(_partials, _phase_id):
        raise Unavailable("The blob store does not answer.")

    monkeypatch.setattr(SharedPartials, "discard", away)
    await over(combiner, phase, "a")

    assert list(pages(combiner)) == [phase.phase_id]


async def test_what_is_retained_is_never_replayed(combiner, phase_of):
    """After a restart they still lie there, and no phase runs; the same phase begins anew, from nothing."""
    await combiner.restart()
    phase = phase_of("a", retain_updates=True)
    await over(combiner, phase, "a")
    before = pages(combiner)

    await combiner.restart()

    assert combiner.phases() == []
    await combiner.start(phase)
    assert combiner.upload_place("a", task_id_of(phase.phase_id, "a"))
    await combiner.release(phase)
    assert pages(combiner) == before
    await combiner.close()


@pytest.mark.parametrize("page_is_written", [False, True])
async def test_a_process_that_died_over_it_is_made_good_by_the_next(
    combiner, phase_of, page_is_written
):
    """The move is one step; the page is written and other files are deleted before the record goes."""
    await combiner.restart()
    phase = phase_of("a", retain_updates=True)
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3, num_examples=7)
    await combiner.until("update_folded")
    folder = combiner.spool.retained / phase.phase_id
    combiner.spool.hand_over(phase.phase_id, folder)
    if page_is_written:
        (folder / "round.json").write_text("{}")

    await combiner.restart()

    files, page = pages(combiner)[phase.phase_id]
    assert files == {"round.json", task_id_of(phase.phase_id, "a")}
    assert page_is_written or page["updates"][0]["num_examples"] == 7
    await combiner.close()


async def test_a_phase_without_updates_leaves_nothing(combiner, phase_of):
    """A phase without updates leaves neither files nor a page."""
    await combiner.restart()
    phase = phase_of("a", retain_updates=True)

    await over(combiner, phase)

    assert pages(combiner) == {}
    assert told(combiner) == []
    await combiner.close()


async def test_nor_does_one_that_a_process_died_over(combiner, phase_of):
    """A phase that had moved before the process died is deleted if it has no updates."""
    await combiner.restart()
    phase = phase_of("a", retain_updates=True)
    await combiner.start(phase)
    combiner.spool.hand_over(phase.phase_id, combiner.spool.retained / phase.phase_id)

    await combiner.restart()

    assert pages(combiner) == {}
    await combiner.close()


async def test_the_oldest_go_where_there_is_no_room(combiner, phase_of):
    """The updates of an earlier process go too; a status says so, with the setting that decides it."""
    await combiner.restart()
    first, second, third = (phase_of("a", retain_updates=True) for _ in range(3))
    await over(combiner, first, "a")
    size = sum(path.stat().st_size for path in combiner.spool.retained.rglob("*/*"))
    combiner.spool = Spool(combiner.folder)
    combiner.engine = Engine("combiner-1", combiner.spool, combiner.store, 10, 2, 5 * size // 2)

    for phase in (second, third):
        await over(combiner, phase, "a")

    assert set(pages(combiner)) == {second.phase_id, third.phase_id}
    assert [log.level for log in told(combiner)] == [1, 2]
    assert "retained_bytes_max" in told(combiner)[1].text
    await combiner.close()


async def test_what_has_no_room_even_alone_is_not_retained(combiner, phase_of):
    """The limit holds, and a status says why nothing is retained."""
    combiner.spool = Spool(combiner.folder)
    combiner.engine = Engine("combiner-1", combiner.spool, combiner.store, 10, 2, 1)
    phase = phase_of("a", retain_updates=True)

    await over(combiner, phase, "a")

    assert pages(combiner) == {}
    assert "are not retained" in told(combiner)[0].text
    await combiner.close()


def test_what_people_put_there_is_left_alone(tmp_path):
    """A combiner starts beside foreign files."""
    spool = Spool(tmp_path)
    (spool.retained / "README").write_text("mine")
    (spool.retained / "mine").mkdir()

    Retained(spool, 10)

    assert {path.name for path in spool.retained.iterdir()} == {"README", "mine"}


async def test_updates_of_a_certain_age_are_deleted(combiner, phase_of):
    """When further ones come, and by a new process."""
    combiner.options |= {"retained_seconds_max": 3600.0}
    await combiner.restart()
    phases = [phase_of("a", retain_updates=True) for _ in range(3)]
    for phase in phases:
        await over(combiner, phase, "a")
        folder = combiner.spool.retained / phase.phase_id
        assert set(pages(combiner)) == {phase.phase_id}
        os.utime(folder, (0, 0))

    await combiner.restart()

    assert pages(combiner) == {}

"""Large files of phases that are over: each goes when a new one comes, all of them when none does."""

import asyncio

import numpy as np
import pytest

from fednet import limits
from fednet.combiner.engine.spool import Spool


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


def files_in(folder):
    return len(list(folder.iterdir()))


def test_one_file_goes_for_each_new_one_and_the_rest_with_the_next_phase(folder):
    """So there are never more of them than one phase had."""
    spool = Spool(folder)
    for phase_id in ("first", "second"):
        (folder / "phases" / phase_id).mkdir()
        for task_id in "abc":
            spool.update_path(phase_id, task_id).write_bytes(bytes(limits.MIB))
        spool.update_path(phase_id, "small").write_bytes(b"small")
        spool.retire(phase_id)

        assert files_in(folder / "phases") == 0
        assert files_in(folder / "tmp") == 3

    left = []
    for _ in range(4):
        spool.remains.make_room()
        left.append(files_in(folder / "tmp"))
    assert left == [2, 1, 0, 0]


def test_a_phase_that_could_not_begin_leaves_nothing(folder):
    """No timer runs for it, so its files would stay until the next update."""
    spool = Spool(folder)
    (folder / "phases" / "first").mkdir()
    spool.update_path("first", "a").write_bytes(bytes(limits.MIB))

    spool.release("first")

    assert files_in(folder / "tmp") == 0


async def test_files_of_a_phase_go_when_no_other_phase_comes(
    combiner, phase_of, put_model, monkeypatch
):
    """Until then they serve: the system gives their memory to the files of the next phase."""
    await combiner.restart()
    folder, remains = combiner.spool.scratch().parent, combiner.spool.remains
    loop, cleared, clear = asyncio.get_running_loop(), asyncio.Event(), remains.clear

    def noted_clear():
        clear()
        loop.call_soon_threadsafe(cleared.set)

    monkeypatch.setattr(remains, "clear", noted_clear)
    for seconds in (60, 0):
        monkeypatch.setattr(limits, "spare_memory_seconds", seconds)
        phase = phase_of("a", model=put_model(np.zeros(limits.MIB, np.float32)))
        await combiner.start(phase)
        combiner.answer(phase, "a", *np.ones(limits.MIB))
        await combiner.until("update_folded")
        await combiner.release(phase)
        await combiner.acknowledge_all()
        assert seconds == 0 or files_in(folder) == 1

    await cleared.wait()

    assert files_in(folder) == 0
    await combiner.close()

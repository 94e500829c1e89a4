"""Files of the spool that a power cut has damaged are asked for again, so that no model is wrong."""

import logging

import numpy as np
import pytest

from fednet import limits
from fednet.combiner.machine.assignment import task_id_of
from fednet.parameters import load_parameters

SIZE = 600_000  # numbers: more than 2 MiB


@pytest.fixture
def large(put_model):
    return put_model(np.zeros(SIZE, np.float32))


def zeros_inside(path):
    """Return a file with 1 MiB of zeros in the middle, where the numbers are."""
    with path.open("r+b") as file:
        file.seek(limits.MIB // 2)
        file.write(bytes(limits.MIB))


def cut_short(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def emptied(path):
    path.write_bytes(b"")


def gone(path):
    path.unlink()


def with_damaged_answer(path):
    """Cut the answer short, which is the first one in its file; return that file."""
    answers = path.with_name("answers.log")
    answers.write_bytes(answers.read_bytes()[20:])
    return answers


async def task_of(stream):
    """Wait for a client's task."""
    while (await stream.outgoing.get()).WhichOneof("message") != "task":
        pass


DAMAGES = [
    zeros_inside,
    cut_short,
    emptied,
    gone,
    with_damaged_answer,
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_is_damaged_is_asked_for_again_and_the_model_is_right(
    combiner, phase_of, large, sent, damage, tmp_path, caplog
):
    """Whole updates are folded again, damaged ones come once more, and the log names the files."""
    await combiner.restart()
    phase = phase_of("a", "b", "c", model=large)
    await combiner.start(phase)
    for value, client in enumerate("ab", start=1):
        combiner.answer(phase, client, *np.full(SIZE, value))
    await combiner.until("update_folded", 2)
    path = combiner.spool.update_path(phase.phase_id, task_id_of(phase.phase_id, "a"))

    damaged = damage(path)
    with caplog.at_level(logging.WARNING):
        await combiner.restart()
        a, b = combiner.connect("a"), combiner.connect("b")
        await task_of(a)
        combiner.answer(phase, "a", *np.full(SIZE, 1))
        combiner.answer(phase, "c", *np.full(SIZE, 6))
        [closed] = await combiner.until("phase_closed")

    assert closed.phase_closed.answers == 3
    assert [kind for kind, _ in sent(a)] == ["receipt"]
    assert "task" not in [kind for kind, _ in sent(b)]
    assert (damaged or path).name in caplog.text
    [mean] = await combiner.reduced(phase, tmp_path, updates=3, weight=3)
    np.testing.assert_allclose(mean, np.full(SIZE, 3), rtol=1e-6)
    await combiner.close()


async def test_what_is_damaged_after_the_close_does_not_count(combiner, phase_of, large):
    """The client is not asked any more, and the controller hears why; whole updates count."""
    await combiner.restart()
    phase = phase_of("a", "b", "c", model=large)
    await combiner.start(phase)
    for client in "ab":
        combiner.answer(phase, client, *np.full(SIZE, 1))
    await combiner.until("update_folded", 2)
    await combiner.close_early(phase)
    zeros_inside(combiner.spool.update_path(phase.phase_id, task_id_of(phase.phase_id, "a")))

    await combiner.restart()
    [closed] = await combiner.until("phase_closed")
    unanswered = await combiner.until("unanswered", 2)

    assert (closed.phase_closed.answers, closed.phase_closed.weight) == (1, 1.0)
    said = {each.client_id: each.unanswered.message for each in unanswered}
    assert "damaged" in said["a"]
    await combiner.close()


async def test_a_file_that_is_whole_is_read_as_it_was(combiner, phase_of, large):
    """The digest in the answer is that of the update's file."""
    await combiner.restart()
    phase = phase_of("a", "b", model=large)
    await combiner.start(phase)
    combiner.answer(phase, "a", *np.full(SIZE, 7))
    await combiner.until("update_folded")
    path = combiner.spool.update_path(phase.phase_id, task_id_of(phase.phase_id, "a"))

    await combiner.restart()
    await combiner.until("update_folded")

    assert load_parameters(path)[0][0] == 7
    await combiner.close()

"""Encoded updates in the spool: folded, replayed and retained like plain ones."""

import io
import tracemalloc

import numpy as np
import pytest

from fednet.aggregation import Collecting, aggregator
from fednet.aggregation._registry import BUILT_IN
from fednet.codecs import Base, EncodedUpdate, write_encoded_to
from fednet.combiner.engine.folding import Folding
from fednet.combiner.engine.update_format import UpdateFormat
from fednet.digests import Algorithm, digest_of
from fednet.parameters import Structure, load_parameters, model_format, write_model
from fednet.task_ids import task_id_of
from fednet.update_codec import codec_names, codec_of
from fednet.wire import tasks_pb2

CODECS = pytest.mark.parametrize("codec", [name for name in codec_names() if name != "plain"])
VALUES = np.array([1, 2, 4], np.float32)
ERROR_MAX = 4 / 253


def answer_encoded(combiner, phase, client, codec, digest=""):
    """Put an encoded update where an upload would have put it, against the model of zeros, and say so."""
    task_id = task_id_of(phase.phase_id, client)
    before = [np.zeros(3, np.float32)]
    base = Base(Structure.of(before), before, digest or phase.model.digest)
    file = io.BytesIO()
    write_encoded_to(file, codec_of(codec), [VALUES], base.structure, base)
    place = combiner.upload_place(client, task_id)
    place.path.write_bytes(file.getvalue())
    combiner.engine.uploads.arrived(place, digest_of(file.getvalue(), Algorithm.BLAKE3))
    update = tasks_pb2.Update(num_examples=1.0)
    combiner.result(client, tasks_pb2.TaskResult(task_id=task_id, update=update))


@CODECS
async def test_an_encoded_update_counts_beside_a_plain_one(combiner, phase_of, tmp_path, codec):
    """Whatever the task asked for: the file says how it is encoded."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    answer_encoded(combiner, phase, "a", codec)
    combiner.answer(phase, "b", 3, 2, 0)
    await combiner.until("phase_closed")

    [found] = await combiner.reduced(phase, tmp_path, updates=2, weight=2)

    np.testing.assert_allclose(found, [2, 2, 2], atol=ERROR_MAX)
    await combiner.close()


@CODECS
async def test_an_encoded_update_is_replayed_after_a_restart(combiner, phase_of, tmp_path, codec):
    """The spool has the file as it came, with its digest, and the model that it is decoded against."""
    await combiner.restart()
    phase = phase_of("a", "b")
    await combiner.start(phase)
    answer_encoded(combiner, phase, "a", codec)
    await combiner.until("update_folded")

    await combiner.restart()
    combiner.answer(phase, "b", 3, 2, 0)
    await combiner.until("phase_closed")

    [found] = await combiner.reduced(phase, tmp_path, updates=2, weight=2)
    np.testing.assert_allclose(found, [2, 2, 2], atol=ERROR_MAX)
    await combiner.close()


async def test_an_update_against_another_model_is_refused(combiner, phase_of):
    """The receipt and the news say against which one."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)

    answer_encoded(combiner, phase, "a", "delta+int8", digest="another")

    [news] = await combiner.until("unanswered")
    assert "'another'" in news.unanswered.message
    await combiner.close()


@CODECS
async def test_people_find_retained_updates_in_the_format_of_the_session(combiner, phase_of, codec):
    """They need no tool of ours, and no model to decode against."""
    await combiner.restart()
    phase = phase_of("a", retain_updates=True)
    await combiner.start(phase)
    answer_encoded(combiner, phase, "a", codec)
    await combiner.until("phase_closed")

    await combiner.release(phase)

    folder = combiner.spool.retained / phase.phase_id
    task_id = task_id_of(phase.phase_id, "a")
    assert {path.name for path in folder.iterdir()} == {"round.json", task_id}
    np.testing.assert_allclose(load_parameters(folder / task_id)[0], VALUES, atol=ERROR_MAX)
    await combiner.close()


async def test_an_update_that_cannot_be_decoded_is_retained_as_it_came(combiner, phase_of):
    """It did not count, but people may want to know why."""
    await combiner.restart()
    phase = phase_of("a", retain_updates=True)
    await combiner.start(phase)
    answer_encoded(combiner, phase, "a", "delta+int8", digest="another")
    await combiner.until("phase_closed")
    task_id = task_id_of(phase.phase_id, "a")
    content = combiner.spool.update_path(phase.phase_id, task_id).read_bytes()

    await combiner.release(phase)

    folder = combiner.spool.retained / phase.phase_id
    assert (folder / task_id).read_bytes() == content
    await combiner.close()


async def test_a_process_that_died_before_it_put_a_decoded_update_in_place_is_made_good(
    combiner, phase_of
):
    """The decoded file lies beside the encoded one until the next process looks."""
    await combiner.restart()
    phase = phase_of("a", retain_updates=True)
    await combiner.start(phase)
    answer_encoded(combiner, phase, "a", "int8")
    await combiner.until("phase_closed")
    task_id = task_id_of(phase.phase_id, "a")
    folder = combiner.spool.retained / phase.phase_id
    combiner.spool.update_path(phase.phase_id, f"{task_id}.decoded").write_bytes(b"decoded")
    combiner.spool.hand_over(phase.phase_id, folder)

    await combiner.restart()

    assert {path.name for path in folder.iterdir()} == {"round.json", task_id}
    assert (folder / task_id).read_bytes() == b"decoded"
    await combiner.close()


@pytest.mark.parametrize("codec", ["bf16", "int8", "delta+bf16", "delta+int8"])
@pytest.mark.parametrize("name", ["fedavg", "fedopt", "fednova"])
def test_a_mean_is_folded_from_blocks(tmp_path, monkeypatch, name, codec):
    """Neither memory nor disk ever has a whole decoded update."""
    monkeypatch.setattr(EncodedUpdate, "decoded", None)  # a call would fail
    before, after = [np.zeros((2_000, 500))], [np.full((2_000, 500), 3.0)]
    structure = Structure.of(before)
    write_model(tmp_path / "model.npz", before)
    with (tmp_path / "update").open("wb") as file:
        base = Base(structure, before, "digest")
        write_encoded_to(file, codec_of(codec), after, structure, base)
    rule, form = aggregator(name), model_format("numpyhelper")
    updates = UpdateFormat(form, tmp_path / "model.npz", "digest", reads_blocks=rule.reads_blocks)
    folding = Folding(rule, structure, updates)
    folding.fold(
        tmp_path / "update", 1.0, {"num_steps": 1}
    )  # the first one takes the memory of the sums

    tracemalloc.start()
    try:
        folding.fold(tmp_path / "update", 1.0, {"num_steps": 1})
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 4_000_000
    mean = folding.partial.rounded_mean(0)
    np.testing.assert_allclose(mean, after[0], rtol=1 / 253)


def test_the_aggregators_that_keep_updates_are_not_given_blocks():
    """They get views of decoded arrays; an aggregator of someone else's is taken for one of them."""
    reading = {name for name in BUILT_IN if aggregator(name).reads_blocks}

    assert reading == {"fedavg", "fedavgm", "fedopt", "fedprox", "fednova"}
    assert not Collecting().reads_blocks

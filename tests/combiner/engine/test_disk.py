"""A full disk is named once, with its folder, and so is its end."""

import errno
import logging
import os

import pytest

from fednet.combiner.engine.disk import Disk
from fednet.digests import Digest
from fednet.errors import NotFound, Unavailable
from fednet.rpc import Receiver


def full():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def try_to_write(disk, work):
    with pytest.raises(Unavailable), disk.writing():
        work()


def test_an_outage_is_named_once_and_its_end_too(tmp_path, caplog):
    """The combiner's own log names the folder."""
    disk = Disk(tmp_path)

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            try_to_write(disk, full)
        for _ in range(3):
            with disk.writing():
                pass

    first, second = caplog.records
    assert (first.levelname, second.levelname) == ("ERROR", "WARNING")
    assert f"cannot write into {tmp_path}: No space left on device" in first.message
    assert f"can write into {tmp_path} again" in second.message


def test_the_next_outage_is_named_again_and_another_cause_as_well(tmp_path, caplog):
    """Each outage, and each cause, is named once."""
    disk = Disk(tmp_path)

    for work in (full, (tmp_path / "no folder" / "x").touch):
        try_to_write(disk, work)
    with disk.writing():
        pass
    try_to_write(disk, full)

    errors = [each.message for each in caplog.records if each.levelname == "ERROR"]
    assert ["No space" in each for each in errors] == [True, False, True]


def test_other_errors_say_nothing_of_the_disk(tmp_path, caplog):
    """A file that is only read says nothing of the disk."""
    disk = Disk(tmp_path)

    with pytest.raises(NotFound), disk.writing():
        raise NotFound("Nothing.")
    with pytest.raises(Unavailable), disk.reading():
        full()

    assert caplog.records == []


def test_a_real_full_disk_is_named(tmp_path, caplog):
    """The disk of an arriving update is named: the receiver's error tells its cause."""
    disk, path = Disk(tmp_path), tmp_path / "update"
    receiver = Receiver(path, Digest.read("0" * 64, 10**6))
    path.with_name("update.part").symlink_to("/dev/full")

    with receiver:
        try_to_write(disk, lambda: receiver.write(bytes(10**6)))

    assert "No space left on device" in caplog.text


async def test_an_answer_that_finds_no_room_is_named_and_kept_by_its_client(
    combiner, phase_of, says, caplog
):
    """The client's stream ends with an error that is worth a retry; later the same answer counts."""
    await combiner.restart()
    phase = phase_of("a", kind="VALIDATE")
    await combiner.start(phase)
    combiner.connect("a")
    answers = combiner.spool.update_path(phase.phase_id, "answers.log")
    answers.symlink_to("/dev/full")

    with pytest.raises(Unavailable):
        combiner.result("a", says.validation(phase, "a"))
    answers.unlink()
    combiner.result("a", says.validation(phase, "a"))
    await combiner.until("validation")

    named = [each.message for each in caplog.records if str(combiner.folder) in each.message]
    assert len(named) == 2
    await combiner.close()

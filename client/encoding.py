"""Encodes an update before it is sent, if its task asks for a codec."""

from __future__ import annotations

import logging
from pathlib import Path

from fednet.codecs import Base, write_encoded_to
from fednet.errors import InvalidModel
from fednet.files import PRIVATE, whole_file
from fednet.parameters import model_format

from .tasks import Task

_log = logging.getLogger(__name__)


def encode_update(update: Path, model: Path, task: Task) -> None:
    """Encode the file of an update in place.

    An update that the codec cannot hold, such as one with NaN, stays as it is: the combiner judges it.

    Args:
        update: The file, in the format of the task.
        model: The file of the global model.
        task: The task, with its codec.

    Raises:
        OSError: The file cannot be written.
    """
    if not task.update_codec.parts:
        return
    try:
        _encode(update, model, task)
    except InvalidModel as problem:
        _log.warning("the update of task %s is sent as it is: %s", task.id, problem)


def _encode(update: Path, model: Path, task: Task) -> None:
    assert task.model, "an update has a base"
    form = model_format(task.helper)
    with form.open(update) as trained, form.open(model) as before:
        trained.arrange(before.structure)
        base = Base(before.structure, before.arrays, task.model.digest.text)
        with whole_file(update, mode=PRIVATE) as file:
            write_encoded_to(file, task.update_codec, trained.arrays, trained.structure, base)

"""Makes an update private before it leaves the site, if its task asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fednet.aggregation import WITHIN_CLIP
from fednet.errors import TaskFailed
from fednet.files import PRIVATE, whole_file
from fednet.parameters import check_finite, check_structure, model_format
from fednet.privacy import Clipping, PrivacyTerms, write_private

from .tasks import Task, Update


def private_update(update: Path, model: Path, task: Task) -> Update:
    """Clip the file of an update in place, add noise if the terms ask for it, and return its outcome.

    All updates count alike, and nothing that the training reports leaves the site but, if the terms ask for it, whether
    the difference lay within the clip.

    Args:
        update: The file, in the format of the task.
        model: The file of the global model.
        task: The task, with its terms.

    Raises:
        InvalidInput: The terms are invalid.
        InvalidModel: The update is no finite model of this structure.
        OSError: The file cannot be written.
        TaskFailed: The task has no terms.
    """
    if not task.privacy:
        raise TaskFailed("The task asks for a private update and has no terms of privacy.")
    terms = PrivacyTerms.from_text(task.privacy)
    is_within = _write(update, model, task, terms)
    said: dict[str, Any] = {WITHIN_CLIP: is_within} if terms.counts else {}
    return Update(1.0, said)


def _write(update: Path, model: Path, task: Task, terms: PrivacyTerms) -> bool:
    form = model_format(task.helper)
    with form.open(update) as trained, form.open(model) as before:
        trained.arrange(before.structure)
        check_structure(trained.structure, before.structure)
        check_finite(trained.arrays, before.structure)
        clipping = Clipping(before.structure, before.arrays)
        with whole_file(update, mode=PRIVATE) as file:
            return write_private(file, form, trained.arrays, clipping, terms)

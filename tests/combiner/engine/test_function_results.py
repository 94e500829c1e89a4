"""Results of server functions, whose processes might change them while the combiner reads them."""

import json

import numpy as np
import pytest

from fednet.combiner.engine.function_results import made_in
from fednet.combiner.engine.spool import Spool
from fednet.errors import TaskFailed
from fednet.parameters import write_model
from fednet.sandbox import SharedFolder
from fednet.server_functions import ANSWER, MODEL, STATE, Run

RUN = Run("", "", "numpyhelper", "", None, 60.0, 2**30)


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a run, with an answer."""
    path = tmp_path / "run"
    path.mkdir()
    (path / ANSWER).write_text(json.dumps({"settings": {"x": 1}}))
    return path


@pytest.fixture
def made(folder, tmp_path):
    """Return a function that reads the results of the run."""

    def made():
        with SharedFolder(folder) as shared:
            return made_in(shared, RUN, Spool(tmp_path / "spool"))

    return made


def test_results_stay_as_they_were_read(folder, made, tmp_path):
    """Who holds a file of the run open changes neither the model nor the memory; no copy has a name."""
    for name in (MODEL, STATE):
        write_model(folder / name, [np.ones(1_000)])
    with (folder / MODEL).open("r+b") as model, (folder / STATE).open("r+b") as state:
        results = made()
        for held in (model, state):
            held.write(bytes(8_000))

    assert results.settings == {"x": 1}
    for (array,) in (results.model, results.state):
        assert array.tolist() == [1.0] * 1_000
    assert not [each for each in (tmp_path / "spool" / "tmp").rglob("*") if each.is_file()]


def test_no_link_is_followed(folder, made, tmp_path):
    """A file of the combiner in the place of a result is none."""
    for name in (MODEL, STATE):
        write_model(tmp_path / name, [np.ones(3)])
        (folder / name).symlink_to(tmp_path / name)

    assert (list(made().model), list(made().state)) == ([], [])


def test_an_answer_that_has_become_a_link_is_refused(folder, made, tmp_path):
    """Also after the check that there is one."""
    (folder / ANSWER).rename(tmp_path / "secret")
    (folder / ANSWER).symlink_to(tmp_path / "secret")

    with pytest.raises(TaskFailed, match="written over its answer"):
        made()

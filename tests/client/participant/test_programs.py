"""Programs that were written for Xaynet's SDK; only their import line is another one.

`make test-xaynet` shows that they are programs for its SDK: it runs them with their own import line.
"""

import sys

import numpy as np
import pytest
from xaynet_controllers import controllers
from xaynet_programs import ENDLESS, WRITERS, Programs

OURS = "import fednet.client.participant as xaynet_sdk\n"


@pytest.fixture
def url(tmp_path):
    with controllers(tmp_path, length=4) as start:
        yield start().xaynet_url


@pytest.fixture
def programs(repository, tmp_path):
    source = repository / "tests" / "xaynet_sdk" / "programs"
    with Programs(source, tmp_path, sys.executable, OURS) as programs:
        yield programs


def test_programs_for_xaynets_sdk_run(programs, url):
    """All together make models, write them, and end by Ctrl-C."""
    for name in ENDLESS:
        programs.start(name, url)
    for name in WRITERS:
        programs.wait_for_file(name, "global_model.bin")
    for name in ENDLESS:
        programs.interrupt(name)
    for name in ENDLESS:
        programs.wait_for_end(name)

    assert np.allclose(programs.read("hello_world", "global_model.bin"), 0.25, rtol=0, atol=0.16)


def test_a_program_goes_on_from_its_saved_state(programs, url):
    """Its identity is the same in both runs."""
    states = []
    for _ in range(2):
        programs.start("restore", url)
        programs.wait_for_end("restore")
        states.append(programs.read("restore", "state.bin"))

    identity = slice(37 + 8, 37 + 8 + 32)
    assert states[0][identity] == states[1][identity]

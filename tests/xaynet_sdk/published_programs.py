"""The proof that the programs of tests/client/participant/test_programs.py are programs for Xaynet's published SDK.

`make test-xaynet` runs this file.
"""

import pytest
from xaynet_controllers import controllers
from xaynet_programs import ENDLESS, WRITERS, Programs


@pytest.fixture
def url(tmp_path):
    with controllers(tmp_path, length=4) as start:
        yield start().xaynet_url


@pytest.fixture
def programs(repository, tmp_path):
    source = repository / "tests" / "xaynet_sdk" / "programs"
    python = repository / ".venv-xaynet" / "bin" / "python"
    with Programs(source, tmp_path, python) as programs:
        yield programs


def test_they_run_with_the_published_sdk(programs, url):
    """All together make models and write them."""
    for name in ENDLESS:
        programs.start(name, url)
    for name in WRITERS:
        programs.wait_for_file(name, "global_model.bin")
    for name in ENDLESS:
        programs.interrupt(name)
    for name in ENDLESS:
        programs.wait_for_end(name)


def test_one_saves_its_state_and_goes_on_from_it(programs, url):
    """In two runs."""
    for _ in range(2):
        programs.start("restore", url)
        programs.wait_for_end("restore")
        assert programs.read("restore", "state.bin")

"""A network of processes for each fault, and the table of all that happened."""

import pytest
from chaos.conductor import Conductor
from chaos.network import ProcessNetwork
from chaos.report import table
from chaos.story import Scene


@pytest.fixture
def scene(tmp_path):
    """Give a controller, two combiners and four clients, all processes of their own."""
    with Conductor() as conductor, ProcessNetwork(tmp_path, conductor.address) as network:
        yield Scene(network, conductor)


@pytest.fixture(scope="session")
def outcomes(pytestconfig):
    """Give the outcome of each fault; it is written as a table at the end if a file is named."""
    happened = []
    yield happened
    if path := pytestconfig.getoption("--faults-table"):
        path.write_text(table(happened))

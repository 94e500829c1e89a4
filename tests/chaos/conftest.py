"""A network of processes for each fault."""

import pytest
from chaos.conductor import Conductor
from chaos.moments import Scene
from chaos.stages import stage


@pytest.fixture
def scene(row, tmp_path, request):
    """Give one or two controllers, two combiners and four clients, each a process of its own, as the row needs them."""
    with (
        Conductor() as conductor,
        stage(row.victim, tmp_path, conductor.address, request.getfixturevalue) as network,
    ):
        yield Scene(network, conductor)

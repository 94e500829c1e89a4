"""The chart, and Helm's rendering of each set of values."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rendered import SETS, Chart, Rendering


@pytest.fixture(scope="session")
def chart(repository: Path) -> Iterator[Chart]:
    """Give the chart, loaded once."""
    loaded = Chart(repository / "charts" / "fednet")
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def renderings(chart: Chart) -> dict[str, Rendering]:
    """Give what Helm makes of each set of values."""
    return {name: chart.render(values) for name, values in SETS.items()}


@pytest.fixture(params=SETS)
def rendering(request: pytest.FixtureRequest, renderings: dict[str, Rendering]) -> Rendering:
    """Give what Helm makes of one of the sets of values."""
    return renderings[request.param]

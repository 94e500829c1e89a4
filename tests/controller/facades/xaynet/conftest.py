"""A coordinator on stores in memory, which tests move step by step."""

import numpy as np
import pytest
from xaynet_table import Table


@pytest.fixture
def table(records, blobs, tmp_path):
    return Table(records, blobs, tmp_path)


@pytest.fixture
def weights():
    """Three local models."""
    return [
        np.array(values, np.float32)
        for values in ([0.5, -0.25, 1.0], [-1.0, 0.125, 0.0], [0.1, 0.2, -0.3])
    ]

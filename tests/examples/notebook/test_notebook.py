"""The notebook, run as its README says: from its first cell to its last."""

import json

import pytest


@pytest.mark.timeout(600)
def test_every_cell_runs(printed):
    """And the line that it finds is the one that the data was made of, as its last cell asserts."""
    assert len(printed) == 1


def test_it_is_kept_without_outputs(repository):
    """A reader makes their own; a change is then a change of the code."""
    notebook = repository / "examples" / "notebook" / "fednet.ipynb"
    cells = json.loads(notebook.read_text())["cells"]

    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)

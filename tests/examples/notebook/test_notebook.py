"""The notebook, run from its first cell to its last."""

import json

import nbformat
import pytest
from nbclient import NotebookClient


@pytest.fixture
def notebook(repository):
    """The notebook as it is in the repository."""
    return repository / "examples" / "notebook" / "fednet.ipynb"


@pytest.fixture
def _kernel_of_this_test(monkeypatch, tmp_path):
    """No setting of a person's Jupyter."""
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")


@pytest.mark.usefixtures("_kernel_of_this_test")
def test_every_cell_runs(notebook, tmp_path):
    """And the line that it finds is the one that the data was made of, as its last cell asserts."""
    cells = nbformat.read(notebook, as_version=4)

    done = NotebookClient(
        cells, timeout=100, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()

    texts = [out.get("text", "") for cell in done.cells for out in cell.get("outputs", [])]
    assert any(text.startswith(("y = 3.0", "y = 2.9")) for text in texts)


def test_it_is_kept_without_outputs(notebook):
    """A reader makes their own; a change is then a change of the code."""
    cells = json.loads(notebook.read_text())["cells"]

    assert all(not cell.get("outputs") and not cell.get("execution_count") for cell in cells)

"""From a URL to a store, and what is said where there is no way."""

import subprocess
import sys

import pytest

from fednet.errors import InvalidInput, MissingExtra
from fednet.storage import open_blobs, open_documents


@pytest.mark.parametrize("url", ["", "sqlite", "mysql://host/name", "memory", "SQLITE:////x"])
def test_an_unknown_state_store_is_refused_with_the_known_ones(url):
    """The error names the setting and lists the schemes."""
    with pytest.raises(InvalidInput, match=r"memory://.*sqlite://") as error:
        open_documents(url, [])

    assert error.value.field == "state_store"


@pytest.mark.parametrize("url", ["", "/folder", "ftp://host/folder"])
def test_an_unknown_blob_store_is_refused_with_the_known_ones(url):
    """The error names the setting and lists the schemes."""
    with pytest.raises(InvalidInput, match=r"file://.*memory://") as error:
        open_blobs(url)

    assert error.value.field == "blob_store"


def test_a_store_in_memory_has_no_name():
    """Two processes cannot meet there, so a name would promise too much."""
    for opening in (lambda: open_documents("memory://x", []), lambda: open_blobs("memory://x")):
        with pytest.raises(InvalidInput):
            opening()


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("sqlite:////state.db", "sqlalchemy", "controller"),
        ("postgresql://host/name", "psycopg", "postgresql"),
        ("postgresql+psycopg://host/name", "sqlalchemy", "postgresql"),
    ],
)
def test_a_missing_driver_names_the_extra(monkeypatch, url, driver, extra):
    """A machine without the driver of a store is told what to install."""
    for name in [name for name in sys.modules if name.startswith("fednet.storage._")]:
        if "sql" in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, driver, None)

    with pytest.raises(MissingExtra, match=rf"{driver}.*fednet\[{extra}\]") as error:
        open_documents(url, [])

    assert error.value.field == "state_store"


def test_blobs_need_no_database_driver(tmp_path):
    """A combiner's machine has no SQLAlchemy, and importing the room does not ask for it."""
    script = (
        "import sys; from fednet.storage import open_blobs; open_blobs(sys.argv[1]); "
        "sys.exit('sqlalchemy' in sys.modules)"
    )

    code = subprocess.run(
        [sys.executable, "-c", script, f"file://{tmp_path}"], check=False
    ).returncode

    assert code == 0

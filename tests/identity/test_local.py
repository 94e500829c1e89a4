"""How a machine finds its own controller."""

import stat
from pathlib import Path

import pytest

from fednet.environment import default_data_dir
from fednet.errors import FailedPrecondition
from fednet.identity import LocalNetwork, find_tls, read_local_network, write_local_network
from fednet.tls import CallerTLS


def test_what_was_written_is_read(tmp_path):
    """The folder need not exist before."""
    folder = tmp_path / "data"

    write_local_network(folder, "http://127.0.0.1:8092", "token")

    assert read_local_network(folder) == LocalNetwork("http://127.0.0.1:8092", "token")


def test_the_files_of_a_caller_are_kept():
    """With absolute paths, because later commands run elsewhere."""
    write_local_network(
        default_data_dir(),
        "https://here",
        "token",
        CallerTLS(Path("ca.pem"), Path("me"), Path("key")),
    )

    kept = read_local_network(default_data_dir())
    here = Path.cwd()
    assert kept.tls == CallerTLS(here / "ca.pem", here / "me", here / "key")
    assert find_tls("https://here") == kept.tls


def test_the_last_one_counts_and_only_its_owner_reads_it(tmp_path):
    """A controller that starts on another port takes the place of the first; nothing is left over."""
    write_local_network(tmp_path, "http://127.0.0.1:1", "old")
    write_local_network(tmp_path, "http://127.0.0.1:2", "new")

    assert read_local_network(tmp_path) == LocalNetwork("http://127.0.0.1:2", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["network.json"]
    assert stat.S_IMODE((tmp_path / "network.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [None, "", "[]", "{}", "null", '{"api_url": "x"}', "\xff"])
def test_where_there_is_nothing_of_use_there_is_none(tmp_path, content):
    """A missing or damaged file is no reason to fail."""
    if content is not None:
        (tmp_path / "network.json").write_text(content, encoding="latin-1")

    assert read_local_network(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """The error names the setting."""
    (tmp_path / "file").write_text("")

    with pytest.raises(FailedPrecondition) as caught:
        write_local_network(tmp_path / "file", "http://x", "token")

    assert caught.value.field == "data_dir"

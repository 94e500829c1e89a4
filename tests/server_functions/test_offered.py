"""What is there without import."""

import pytest

from fednet.errors import FailedPrecondition
from fednet.server_functions import APIClient, api_client
from fednet.server_functions._offered import OFFERED


def test_the_document_names_all_that_is_offered(repository):
    """No more is promised, and nothing is there that nobody knows of."""
    text = (repository / "docs" / "server-functions.md").read_text()
    [line] = [line for line in text.splitlines() if line.startswith("Without import there are")]

    assert sorted(line.split("`")[1::2]) == sorted(OFFERED)


def test_the_import_of_the_other_system_works_with_the_module_changed():
    """A class that was written there needs nothing else; `print` is that of Python."""
    names = {}
    exec(
        "from fednet.server_functions import (APIClient, Dict, List, ServerFunctionsBase, Tuple, "
        "api_client, host, logger, np, os, port, print, random)",
        names,
    )

    assert names["print"] is print
    assert names["np"].mean([1, 3]) == 2


@pytest.mark.parametrize("use", ["get_models", "start_session", "anything"])
def test_the_network_cannot_be_called(use):
    """The process of a run has no token; the error says so."""
    with pytest.raises(FailedPrecondition, match="no token"):
        getattr(api_client, use)
    with pytest.raises(FailedPrecondition, match="no token"):
        APIClient("host", port=1)

"""The sandboxes of this machine."""

import pytest

from fednet.sandbox._bwrap import probe


@pytest.fixture(scope="session")
def bwrap():
    """Return the kind of the sandbox that hides the machine; skip where it cannot be used."""
    if problem := probe():
        pytest.skip(f"{problem}: apt install bubblewrap")
    return "bwrap"


@pytest.fixture(params=["bwrap", "process"])
def kind(request):
    """Return each kind of sandbox that has limits."""
    return request.getfixturevalue("bwrap") if request.param == "bwrap" else request.param

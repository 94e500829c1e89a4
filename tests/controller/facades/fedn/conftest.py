"""FEDn's client, as far as the controller can tell it from others."""

import pytest

AGENT = "python-requests/2.32.3"


@pytest.fixture
def api(api):
    """Return an admin's test client that calls as FEDn's clients do."""
    api.environ_base["HTTP_USER_AGENT"] = AGENT
    return api

"""APIClient with a user's name and password."""

import pytest

from fednet import APIClient
from fednet.errors import PermissionDenied, Unauthenticated
from fednet.testing import Network

PASSWORD = "correct horse battery"


def test_a_user_logs_in_with_a_password():
    """The client then works with a token of the user, in the user's role."""
    with Network(combiners=0) as network:
        user = {"name": "ada", "role": "viewer", "password": PASSWORD}
        network.api._http.call("POST", "/api/v1/users/", body=user)

        with APIClient(network.api_url, username="ada", password=PASSWORD) as client:
            assert client.get_models()["count"] == 0
            with pytest.raises(PermissionDenied, match="viewer"):
                client.stop_session("x")
        with pytest.raises(Unauthenticated, match="wrong"):
            APIClient(network.api_url, username="ada", password=PASSWORD + "!")

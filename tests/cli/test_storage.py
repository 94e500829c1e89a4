"""`fednet storage` and pins against a real network."""

import json

import pytest

from fednet.errors import FailedPrecondition
from fednet.testing import Network


def test_the_usage_is_shown(fednet):
    """As tables, and as JSON with what retention would delete."""
    found = json.loads(fednet("storage", "usage", "--format", "json").stdout)

    assert found["kinds"]["models"]["count"] == 3
    assert {each["session_id"] for each in found["sessions"]} == {None, "first"}
    assert found["surplus"]["count"]["models"] == 0
    table = fednet("storage", "usage").stdout
    assert "models" in table
    assert "first" in table
    assert "Retention would delete: nothing" in table


def test_a_dry_run_deletes_nothing(fednet, net):
    """The active trail would stay in any case."""
    told = fednet("storage", "clean", "--dry-run", "--older-than", "0").stdout

    assert told.startswith("Would delete: ")
    assert net.api.get_models()["count"] == 3


def test_a_cleaning_leaves_the_active_trail(fednet, net):
    """Statuses go, and answers of rounds that are over."""
    found = json.loads(fednet("storage", "clean", "--older-than", "0s", "--json").stdout)

    assert found["count"]["models"] == 0
    assert found["count"]["statuses"] > 0
    assert found["count"]["answers"] > 0
    assert net.api.get_models()["count"] == 3


@pytest.mark.parametrize("age", ["soon", "-1", "1y", "1e9"])
def test_an_odd_age_is_a_usage_error(fednet, age):
    """The message shows ages."""
    result = fednet("storage", "clean", f"--older-than={age}")

    assert result.exit_code == 2
    assert "30d" in result.stderr


def test_a_model_is_pinned_and_unpinned(fednet, net):
    """By default the active one."""
    assert fednet("model", "pin").stdout.endswith("is pinned.\n")
    assert net.api.get_active_model()["is_pinned"] is True
    assert fednet("model", "unpin", "active").stdout.endswith("is not pinned.\n")
    assert net.api.get_active_model()["is_pinned"] is False


def test_a_session_keeps_the_files_of_so_many_models_and_another_one_all(seed):
    """A model without a file cannot be downloaded. A session whose newest model is gone does not go on."""
    with Network() as net:
        net.add_client("site", train=lambda parameters, _: (parameters, {"num_examples": 3}))
        net.api.set_active_model(str(seed))
        net.api.start_session("few", rounds=3, models_kept=1, validate=False)
        net.api.wait_session("few", timeout=200)
        trail = net.api.get_model_trail()

        assert net.api.clean_storage()["count"]["files"] == 2
        assert [bool(each.get("file_deleted_at")) for each in trail_of(net)] == [
            False,
            True,
            True,
            False,
        ]
        with pytest.raises(FailedPrecondition, match="deleted by retention"):
            net.api.download_model(trail[1]["id"], str(net.data_dir / "model.npz"))

        net.api.set_active_model(str(seed))
        net.api.clean_storage(older_than_seconds=0)
        with pytest.raises(FailedPrecondition, match="deleted by retention"):
            net.api.continue_session("few", 1)


def trail_of(net):
    return sorted(net.api.get_model_trail(), key=lambda each: each["committed_at"])

"""The first document of a session, and the requests that it answers."""

import pytest

from fednet.contract import PredictionOptions, SessionOptions
from fednet.controller.sessions.first_document import first_document, is_started_with

MODEL = {"id": "m", "helper": "numpyhelper", "size_bytes": 1, "sha256": "0" * 64}
ASKED = SessionOptions(id="s", rounds=2, requested_clients=8)


@pytest.fixture
def stored():
    """Give the document of a session with two rounds."""
    return first_document(ASKED, MODEL, None)


def test_a_request_with_the_same_options_means_the_same_session(stored):
    """With other options it does not."""
    assert is_started_with(stored, ASKED)
    assert not is_started_with(stored, SessionOptions(id="s", rounds=3))


def test_an_option_that_the_session_did_not_know_had_its_default(stored):
    """A caller who repeats a request after an upgrade gets the session, unless the new option is given."""
    del stored["options"]["round_retries"]

    assert is_started_with(stored, ASKED)
    assert not is_started_with(stored, SessionOptions(id="s", rounds=2, round_retries=5))


def test_a_prediction_is_no_training(stored):
    """Their options have names in common."""
    asked = PredictionOptions(prediction_id="p")
    predicting = first_document(asked, MODEL, None)

    assert is_started_with(predicting, asked)
    assert not is_started_with(predicting, SessionOptions(id="p"))
    assert not is_started_with(stored, PredictionOptions(prediction_id="s"))

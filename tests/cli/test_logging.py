"""The log of a server on stderr."""

import logging

import pytest

from fednet import limits
from fednet.cli._logging import LIBRARIES, log_to_stderr


@pytest.fixture
def log(capsys):
    """Set the log up, and give a function that returns its messages; afterwards everything is as before."""
    root, libraries = logging.getLogger(), [logging.getLogger(each) for each in LIBRARIES]
    before = root.level, root.handlers[:], [each.level for each in libraries]

    def shown(level="info"):
        log_to_stderr(level, as_json=False)
        return lambda: [line.split(": ", 1)[1] for line in capsys.readouterr().err.splitlines()]

    yield shown
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    for each, its_level in zip(libraries, before[2], strict=True):
        each.setLevel(its_level)


@pytest.mark.parametrize("level", ["debug", "info", "error"])
def test_of_libraries_only_warnings_are_shown(log, level):
    """A URL of an object store is a credential, and the reader looks for fednet's words."""
    lines = log(level)

    for each in ("urllib3.connectionpool", "grpc._channel", "sqlalchemy.pool", "pymongo.topology"):
        logging.getLogger(each).info("GET /?X-Amz-Signature=right")
        logging.getLogger(each).warning("odd")

    assert lines() == ([] if level == "error" else ["odd"] * 4)


def test_a_repeated_warning_is_shown_once(log):
    """Until its logger says something else; each information is shown."""
    lines = log()
    client, other = logging.getLogger("fednet.client"), logging.getLogger("fednet.other")

    for _ in range(3):
        client.warning("no controller at %s", "here")
        other.error("no store")
    client.info("connected")
    client.info("connected")
    client.warning("no controller at %s", "here")

    assert lines() == [
        "no controller at here",
        "no store",
        "connected",
        "connected",
        "no controller at here",
    ]


def test_a_warning_after_a_silence_is_shown_again(log, monkeypatch):
    """It is another absence."""
    monkeypatch.setattr(limits, "log_repetition_seconds", 0.0)
    lines = log()

    logging.getLogger("fednet.client").warning("no controller")
    logging.getLogger("fednet.client").warning("no controller")

    assert lines() == ["no controller"] * 2

"""The logs of clients, in a flood and without one."""

import pytest

from fednet import limits
from fednet.combiner.engine.client_logs import ClientLogs
from fednet.combiner.machine.values import LogLevel, LogRecord


@pytest.fixture
def logs(clock):
    return ClientLogs(clock)


def kept(logs, client, *records):
    return [record for each in records if (record := logs.kept(client, each))]


@pytest.mark.parametrize(
    ("text", "at_once"),
    [
        ("line", limits.log_lines_max),
        ("x" * limits.text_characters_max, limits.log_bytes_max // limits.text_characters_max),
        ("é" * limits.text_characters_max, limits.log_bytes_max // limits.text_characters_max // 2),
    ],
)
def test_a_flood_is_one_line(logs, text, at_once):
    """Lines and bytes are bounded; what comes beyond is dropped."""
    found = kept(logs, "a", *[LogRecord(text)] * 10_000)

    assert [each.text for each in found[:-1]] == [text] * at_once
    assert found[-1].level is LogLevel.WARNING
    assert "dropped" in found[-1].text


def test_a_flood_of_one_client_is_not_that_of_another(logs):
    """Each has its own bounds."""
    kept(logs, "a", *[LogRecord("line")] * 10_000)

    assert kept(logs, "b", LogRecord("hello")) == [LogRecord("hello")]


def test_after_a_while_the_log_goes_on(logs, clock):
    """Also that of a client that has not stopped; on the whole, so many lines a second are kept."""
    lines = 0
    for _ in range(3600):
        clock.now += 1
        lines += len(kept(logs, "a", *[LogRecord("line")] * 100))

    most = limits.log_lines_max + 3600 * limits.log_lines_per_second
    assert most / 2 < lines < 1.1 * most

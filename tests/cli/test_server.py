"""The life of a server process, seen from outside."""

import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

SERVER = """
import logging, threading
import click
from fednet import limits
from fednet.cli.server import server_command
from fednet.settings import ControllerSettings

@click.command()
@server_command(ControllerSettings, "colorsys")
def start(settings, on_ready, stop):
    '''Start it.'''
    logging.getLogger("test").warning("two\\nlines")
    logging.getLogger("urllib3.connectionpool").debug("GET /?X-Amz-Signature=right")
    is_stubborn = settings.host == "stubborn.localhost"
    if is_stubborn:
        limits.stop_seconds_max = 0.2
    on_ready({"port": settings.port, "token": "secret"})
    stop.wait()
    if is_stubborn:
        threading.Event().wait()
    logging.getLogger("test").info("stopped")

start()
"""


@contextmanager
def server(*arguments):
    with subprocess.Popen(
        [sys.executable, "-P", "-c", SERVER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ready(process):
    return json.loads(process.stdout.readline())


def test_readiness_is_announced_as_one_line_of_json():
    """All of it, for the supervisor alone."""
    with server("--announce", "--port", "7") as process:
        assert ready(process) == {"port": 7, "token": "secret"}


def test_what_the_parent_tells_wins_over_flags():
    """A supervisor starts its servers before it knows all that they need."""
    with server("--announce", "--settings-from-parent", "--port", "7") as process:
        process.stdin.write('{"port": "9"}\n')
        process.stdin.flush()

        assert ready(process)["port"] == 9


def test_a_server_whose_parent_dies_before_it_has_told_anything_ends():
    """It has nothing to serve."""
    with server("--announce", "--settings-from-parent") as process:
        process.stdin.close()

        assert process.wait(timeout=30) != 0


def test_readiness_is_logged_without_the_token():
    """Logs are read by many."""
    with server("--port", "7") as process:
        process.stderr.readline()
        line = process.stderr.readline()

    assert line.endswith("INFO fednet.cli: ready: port 7\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(number):
    """Being asked to stop is no failure: exit code 0."""
    with server("--announce") as process:
        ready(process)
        process.send_signal(number)
        _, log = process.communicate()

    assert process.returncode == 0
    assert "INFO test: stopped" in log


def test_a_second_signal_ends_a_server_that_hangs():
    """Who presses Ctrl-C twice means it."""
    with server("--announce", "--host", "stubborn.localhost") as process:
        ready(process)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)

        assert process.wait() == 130


def test_the_end_of_stdin_stops_it():
    """That is what is left of a parent that was killed."""
    with server("--announce", "--exit-with-parent") as process:
        ready(process)
        process.stdin.close()

        assert process.wait() == 0


def test_without_its_parent_a_server_that_hangs_ends_itself():
    """Nobody else would."""
    with server("--announce", "--exit-with-parent", "--host", "stubborn.localhost") as process:
        ready(process)
        process.stdin.close()

        assert process.wait() == 1


def test_a_log_line_is_one_event():
    """A message of two lines stays on one."""
    with server("--announce") as process:
        line = process.stderr.readline()

    assert line.endswith(" WARNING test: two\\nlines\n")


def test_a_json_log_line_is_one_object():
    """For programs that collect logs."""
    with server("--announce", "--log-json") as process:
        event = json.loads(process.stderr.readline())

    assert event.pop("time").endswith("Z")
    assert event == {"level": "WARNING", "logger": "test", "message": "two\nlines"}


def test_the_log_level_hides_what_is_below():
    """Only what was asked for."""
    with server("--announce", "--log-level", "error") as process:
        ready(process)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate()

    assert log == ""


def test_no_log_level_shows_urls_that_are_a_right():
    """The HTTP library tells each request at debug, with its query."""
    with server("--announce", "--log-level", "debug") as process:
        ready(process)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate()

    assert "two" in log
    assert "X-Amz-Signature" not in log


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path, monkeypatch):
    """All three reach the settings."""
    config = tmp_path / "fednet.yaml"
    config.write_text("controller:\n  port: 1\n  host: stubborn.localhost\n")
    monkeypatch.setenv("FEDNET_CONTROLLER_PORT", "2")

    with server("--announce", "--config", str(config)) as process:
        assert ready(process)["port"] == 2
    with server("--announce", "--config", str(config), "--port", "3") as process:
        assert ready(process)["port"] == 3

"""The life of a server process: its flags, its log, its word that it is ready, and its end.

A component's `start` command is its `serve(settings, on_ready, stop)` in a `server_command`.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import json
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import click

from fednet import limits
from fednet.cli._exit import ExitCode
from fednet.cli._flags import settings_flags
from fednet.cli._logging import LEVELS, log_to_stderr
from fednet.errors import FednetError
from fednet.processes import SignalWatch, handle_signal, reuse_freed_memory
from fednet.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    OnReady = Callable[[dict[str, Any]], None]

log = logging.getLogger("fednet.cli")


def server_command(
    kind: type[Settings], module: str
) -> Callable[[Callable[[Settings, OnReady, threading.Event], None]], Callable[..., None]]:
    """Turn `serve(settings, on_ready, stop)` into the function of a click command.

    It serves until SIGTERM or Ctrl-C, which set `stop`; a second one ends the process at once.

    Args:
        kind: The component's settings class; each field becomes a flag.
        module: The component's server, loaded before a supervisor has told the rest of the settings.
    """

    def decorate(
        serve: Callable[[Settings, OnReady, threading.Event], None],
    ) -> Callable[..., None]:
        @_server_flags
        @settings_flags(kind)
        @functools.wraps(serve)
        def command(
            config: Path | None,
            log_level: str,
            log_json: bool,
            announce: bool,
            exit_with_parent: bool,
            settings_from_parent: bool,
            **flags: str | None,
        ) -> None:
            reuse_freed_memory(is_our_process=True)
            log_to_stderr(log_level, as_json=log_json)
            if settings_from_parent:
                importlib.import_module(module)
                flags |= _told_by_parent()
            settings = load(kind, file=config, flags=flags)
            stop = _stopped_by_signals()
            if exit_with_parent:
                _stop_at_end_of_input(stop)
            serve(settings, _announce if announce else _log_ready, stop)

        return command

    return decorate


def _server_flags(function: Callable[..., None]) -> Callable[..., None]:
    for add in (
        click.option("--exit-with-parent", is_flag=True, hidden=True),
        click.option("--settings-from-parent", is_flag=True, hidden=True),
        click.option("--announce", is_flag=True, hidden=True),
        click.option("--log-json", is_flag=True, help="Log JSON objects instead of text."),
        click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True),
    ):
        function = add(function)
    return function


def _told_by_parent() -> dict[str, str]:
    """Return the settings that a supervisor knows only now: one line of JSON on our stdin."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(sys.stdin.fileno(), limits.KIB)
        if not piece:
            raise FednetError("The supervisor has ended.")
        line += piece
    return dict(json.loads(line))


def _announce(ready: dict[str, Any]) -> None:
    """Tell the supervisor, which reads our stdout."""
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


def _log_ready(ready: dict[str, Any]) -> None:
    """Tell a person; the log is no place for a token."""
    public = {name: value for name, value in ready.items() if name != "token"}
    log.info("ready: %s", ", ".join(f"{name} {value}" for name, value in public.items()))


def _stopped_by_signals() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; a second one of them ends the process at once.

    A thread sets it: a handler could run while the main thread holds the event's own lock.
    """
    stop, earlier = threading.Event(), itertools.count()

    def on_signal() -> None:
        if next(earlier):
            os._exit(ExitCode.INTERRUPTED)
        stop.set()

    SignalWatch(on_signal)
    for number in (signal.SIGTERM, signal.SIGINT):
        handle_signal(number, lambda *_: None)
    return stop


def _stop_at_end_of_input(stop: threading.Event) -> None:
    """Stop when stdin ends, as it does when the parent dies, however it dies."""

    def watch() -> None:
        descriptor = sys.stdin.fileno()
        while os.read(descriptor, limits.KIB):
            pass
        stop.set()
        _exit_later()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _exit_later() -> None:
    """With nobody left to kill a process that hangs while it shuts down, it must do so itself."""
    timer = threading.Timer(limits.stop_seconds_max, os._exit, (ExitCode.FAILED,))
    timer.daemon = True
    timer.start()

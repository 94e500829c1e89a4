"""A controller inside any WSGI server; `gunicorn_config` has the settings for gunicorn.

    gunicorn --config python:fednet.controller.gunicorn_config 'fednet.controller.wsgi:application()'

Each worker process is a controller of its own: `<name>.1`, `<name>.2`, … They share the public port,
and each has a further port for the other controllers. The settings come from the environment.
"""

import atexit
import contextlib
from collections.abc import Callable
from typing import Final, cast

from flask import Flask

from fednet.addresses import local_url
from fednet.settings import ControllerSettings, load

from .assembly import assembled
from .name_lock import NameLock
from .server import announced_url, leave_word, listen, serving_controller

_EXTENSION: Final = "fednet.begin_to_stop"


def application() -> Flask:
    """Start a controller that ends with this process.

    Raises:
        FednetError: It cannot start.
    """
    settings = load(ControllerSettings)
    running = contextlib.ExitStack()
    name_lock = NameLock.take_free(settings.data_dir, settings.name)
    listening = running.enter_context(listen(settings.host, 0))
    address = announced_url(settings, listening.getsockname()[1])
    parts = running.enter_context(assembled(settings, address, name_lock))
    stop_serving = running.enter_context(
        serving_controller(parts.app, listening, settings, servers=2)
    )

    def begin_to_stop() -> None:
        parts.engine.close()
        stop_serving()

    parts.app.extensions[_EXTENSION] = begin_to_stop
    atexit.register(running.close)
    here = local_url(settings.host, settings.port, tls=settings.server_tls is not None)
    leave_word(settings, name_lock.announce(here), parts.token)
    return parts.app


def begin_to_stop(app: Flask) -> None:
    """Give the lease of a controller back, and finish requests on its own port, before the process ends."""
    cast("Callable[[], None]", app.extensions[_EXTENSION])()

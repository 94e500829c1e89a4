"""A controller inside a WSGI server of one's choice; for gunicorn, `gunicorn_config` has the settings.

    gunicorn --config python:fednet.controller.gunicorn_config 'fednet.controller.wsgi:application()'

One process only: a network has one controller. Its settings come from the environment.
"""

import atexit
import contextlib

from flask import Flask

from fednet.identity import write_local_network
from fednet.settings import ControllerSettings, load

from .assembly import assembled


def application() -> Flask:
    """Start a controller that ends with this process.

    Raises:
        FednetError: It cannot start.
    """
    settings = load(ControllerSettings)
    running = contextlib.ExitStack()
    parts = running.enter_context(assembled(settings))
    atexit.register(running.close)
    write_local_network(settings.data_dir, f"http://{settings.host}:{settings.port}", parts.token)
    return parts.app

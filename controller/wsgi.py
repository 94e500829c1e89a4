"""A controller inside any WSGI server; `gunicorn_config` has the settings for gunicorn.

    gunicorn --config python:fednet.controller.gunicorn_config 'fednet.controller.wsgi:application()'

Each worker process is a controller of its own: `<name>.1`, `<name>.2`, … They share the public port,
and each has a further port for the other controllers. The settings come from the environment.
"""

import atexit
import contextlib

from flask import Flask

from fednet.addresses import join_address, loopback_of
from fednet.identity import write_local_network
from fednet.own_address import advertised_host
from fednet.settings import ControllerSettings, load

from .assembly import assembled
from .name_lock import NameLock
from .server import listen, serving_controller


def application() -> Flask:
    """Start a controller that ends with this process.

    Raises:
        FednetError: It cannot start.
    """
    settings = load(ControllerSettings)
    running = contextlib.ExitStack()
    name_lock = NameLock.take_free(settings.data_dir, settings.name)
    listening = running.enter_context(listen(settings.host, 0))
    host = advertised_host(settings.host, settings.advertise_host)
    address = f"http://{join_address(host, listening.getsockname()[1])}"
    parts = running.enter_context(assembled(settings, address, name_lock))
    running.enter_context(serving_controller(parts.app, listening, settings, servers=2))
    atexit.register(running.close)
    here = join_address(loopback_of(settings.host), settings.port)
    write_local_network(settings.data_dir, name_lock.announce(f"http://{here}"), parts.token)
    return parts.app

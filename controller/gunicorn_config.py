"""The settings of gunicorn for a controller; see https://docs.gunicorn.org for the names."""

import ssl
from math import ceil

from fednet import limits
from fednet.addresses import join_address
from fednet.settings import ControllerSettings, load

_settings = load(ControllerSettings)

bind = join_address(_settings.host, _settings.port)
workers = 1  # each further worker is a controller of its own: gunicorn --workers 2
worker_class = "fednet.controller.rest.worker.EventLoopWorker"
threads = _settings.threads
timeout = 0  # uploads may take long; a stuck thread does not stop the others
# The lease is given back before requests are finished, and the stores are closed after it.
graceful_timeout = ceil(_settings.drain_seconds + 2 * limits.stop_seconds_max)
preload_app = False  # threads would not survive the fork
control_socket_disable = True

# The worker class above reads these files itself, and again when they change. Other classes do as gunicorn does.
certfile = _settings.tls_certificate and str(_settings.tls_certificate)
keyfile = _settings.tls_key and str(_settings.tls_key)
ca_certs = _settings.tls_client_ca and str(_settings.tls_client_ca)
cert_reqs = ssl.CERT_REQUIRED if ca_certs else ssl.CERT_NONE

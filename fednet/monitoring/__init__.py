"""Pages over HTTP for those who watch over a process: its health, and others that it gives.

A process gives its pages as a table of paths and functions. The server is off unless a port is set, and listens on
loopback by default. It is made for kubelets and collectors of metrics: one short request for each connection, no token,
no bodies.
"""

from fednet.monitoring._health import health_pages
from fednet.monitoring._pages import Page, Pages
from fednet.monitoring._server import MonitoringServer
from fednet.monitoring._thread import monitored

__all__ = ["MonitoringServer", "Page", "Pages", "health_pages", "monitored"]

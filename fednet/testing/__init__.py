"""A whole network in one process, and a proxy that breaks connections, for tests and notebooks."""

from fednet.testing._network import Network
from fednet.testing._proxy import FaultProxy

__all__ = ["FaultProxy", "Network"]

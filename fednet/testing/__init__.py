"""For tests and notebooks: a whole network in one process, and a proxy that breaks connections."""

from fednet.testing._network import Network
from fednet.testing._proxy import FaultProxy

__all__ = ["FaultProxy", "Network"]

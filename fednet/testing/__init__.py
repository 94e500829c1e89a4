"""A whole network in one process, for tests and notebooks."""

from fednet.testing._network import Network

__all__ = ["Network"]

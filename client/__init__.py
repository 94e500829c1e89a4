"""The client: an agent for compute packages, and `Client` for those who bring their own code."""

from ._client import Client

__all__ = ["Client"]

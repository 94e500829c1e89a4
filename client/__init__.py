"""The client: an agent for compute packages, and `Client` for users' own functions.

`Client` is loaded when it is used, because it imports NumPy and gRPC, which `fednet client --help` does not need.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._client import Client

__all__ = ["Client"]


def __getattr__(name: str) -> Any:
    if name == "Client":
        from ._client import Client

        return Client
    raise AttributeError(f"module 'fednet.client' has no attribute {name!r}")

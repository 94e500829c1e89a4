"""fednet: federated learning over data that stays where it is.

Nothing is loaded before it is used, so that `import fednet` costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

from fednet import errors

if TYPE_CHECKING:
    from fednet.api_client import APIClient

__all__ = ["APIClient", "errors"]


def __getattr__(name: str) -> Any:
    if name == "APIClient":
        from fednet.api_client import APIClient

        return APIClient
    raise AttributeError(f"module 'fednet' has no attribute {name!r}")

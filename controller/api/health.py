"""Whether the controller can do its work: the one route that asks for no token."""

from flask_openapi.blueprint import APIBlueprint

from fednet.errors import Unavailable

from .services import services

api = APIBlueprint("health", __name__)


@api.get("/health", summary="Whether the stores answer")
def health() -> dict[str, str]:
    """Answer "ok" when both stores are ready."""
    for store, part in (("state", services().records), ("blob", services().catalog)):
        if not part.is_ready():
            raise Unavailable(f"The {store} store does not answer.")
    return {"status": "ok"}

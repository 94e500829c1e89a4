"""The border of the services' calls, where errors go to the other end."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fednet.errors import FednetError, Unavailable
from fednet.rpc import abort


@contextlib.asynccontextmanager
async def errors_to(context: Any) -> AsyncIterator[None]:
    """End a call with the error that is raised inside the block."""
    try:
        yield
    except FednetError as error:
        await abort(context, error)
    except OSError as error:
        await abort(context, Unavailable(f"The combiner cannot use a file: {error.strerror}."))

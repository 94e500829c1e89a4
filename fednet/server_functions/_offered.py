"""The names that a source may use without an import, or import from `fednet.server_functions`.

Sources that were written for another system import all of these from one module there.
"""

from __future__ import annotations

import builtins
import json
import logging
import math
import os
import random
import time
from typing import Any, Dict, List, NoReturn, Optional, Tuple  # noqa: UP035  sources use these names

import numpy as np

from fednet.errors import FailedPrecondition
from fednet.server_functions._base import ServerFunctionsBase

logger = logging.getLogger("server_functions")
print = builtins.print  # noqa: A001  sources import it by this name
host, port = "", None


def APIClient(*_: Any, **__: Any) -> NoReturn:  # noqa: N802  sources use this name
    """Refuse to call the network: the process of server functions has no token.

    Raises:
        FailedPrecondition: Always.
    """
    raise FailedPrecondition(
        "Server functions cannot call the network's API, because they have no token. Call it from your own "
        "program, and give the values to start_session(settings=…) or to the functions."
    )


class NoApiClient:
    """The name `api_client`, whose use fails with the reason."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        APIClient()


api_client = NoApiClient()

OFFERED: dict[str, Any] = {
    "APIClient": APIClient,
    "Any": Any,
    "Dict": Dict,  # noqa: UP006  likewise
    "List": List,  # noqa: UP006
    "Optional": Optional,
    "ServerFunctionsBase": ServerFunctionsBase,
    "Tuple": Tuple,  # noqa: UP006
    "api_client": api_client,
    "host": host,
    "json": json,
    "logger": logger,
    "logging": logging,
    "math": math,
    "np": np,
    "numpy": np,
    "os": os,
    "port": port,
    "random": random,
    "time": time,
}

"""Server functions: a user's class that chooses clients, gives them settings or aggregates.

    from fednet.server_functions import ServerFunctionsBase

    class ServerFunctions(ServerFunctionsBase):
        def client_selection(self, client_ids):
            return random.sample(client_ids, 3)

    api.start_session(server_functions=ServerFunctions)

The class is sent as its source, which `fednet.contract.check_source` reads without running it. It runs on a combiner,
each run in a process of its own:

    process:    python -m fednet.server_functions <the run's folder>

`docs/server-functions.md` is the guide for users; `_run` describes the files of a run.
"""

import os
import random
from typing import Dict, List, Tuple  # noqa: UP035  sources import these names

import numpy as np

from fednet.server_functions._base import ServerFunctionsBase
from fednet.server_functions._offered import (
    APIClient,
    api_client,
    host,
    logger,
    port,
    print,  # noqa: A004  sources import it by this name
)
from fednet.server_functions._run import ANSWER, MODEL, REQUEST, STATE, Run, state_id_of
from fednet.server_functions._source import source_of

__all__ = [
    "ANSWER",
    "MODEL",
    "REQUEST",
    "STATE",
    "APIClient",
    "Dict",
    "List",
    "Run",
    "ServerFunctionsBase",
    "Tuple",
    "api_client",
    "host",
    "logger",
    "np",
    "os",
    "port",
    "print",
    "random",
    "source_of",
    "state_id_of",
]

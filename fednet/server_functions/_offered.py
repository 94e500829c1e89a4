"""The names that a source may use without an import."""

from __future__ import annotations

import json
import logging
import math
import os
import random
import time
from typing import Any, Dict, List, Optional, Tuple  # noqa: UP035  sources use these names

import numpy as np

from fednet.server_functions._base import ServerFunctionsBase

OFFERED: dict[str, Any] = {
    "Any": Any,
    "Dict": Dict,  # noqa: UP006  likewise
    "List": List,  # noqa: UP006
    "Optional": Optional,
    "ServerFunctionsBase": ServerFunctionsBase,
    "Tuple": Tuple,  # noqa: UP006
    "json": json,
    "logger": logging.getLogger("server_functions"),
    "logging": logging,
    "math": math,
    "np": np,
    "numpy": np,
    "os": os,
    "random": random,
    "time": time,
}

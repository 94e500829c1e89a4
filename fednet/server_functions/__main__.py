"""The process of one run: `python -m fednet.server_functions <the run's folder>`."""

from __future__ import annotations

import json
import logging
import math
import os
import resource
import sys
from pathlib import Path

from fednet.json_values import storable
from fednet.server_functions._perform import perform
from fednet.server_functions._problems import problem_of
from fednet.server_functions._run import ANSWER, REQUEST, Run

_FILE_BYTES_EXTRA = 2**24  # for headers, in addition to the memory's content


def main(folder: str) -> None:
    """Perform one run."""
    os.chdir(folder)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    run = Run(**json.loads(Path(REQUEST).read_bytes()))
    _bound(run)
    try:
        answer = perform(run)
    except BaseException as error:  # noqa: BLE001 (user code may raise anything)
        answer, _ = storable(problem_of(error, run))
    Path(ANSWER).write_text(json.dumps(answer), encoding="utf-8")


def _bound(run: Run) -> None:
    """Set limits that neither this process nor its children can raise again."""
    seconds = math.ceil(run.seconds_max) + 1  # the clock is first, but for several threads
    for which, most, hardest in (
        (resource.RLIMIT_DATA, run.memory_bytes_max, 0),
        (resource.RLIMIT_FSIZE, run.memory_bytes_max + _FILE_BYTES_EXTRA, 0),
        (resource.RLIMIT_CPU, seconds, 1),  # SIGXCPU, which says what it was, comes before SIGKILL
        (resource.RLIMIT_CORE, 0, 0),
    ):
        _, hard = resource.getrlimit(which)
        least = most + hardest if hard == resource.RLIM_INFINITY else min(most + hardest, hard)
        resource.setrlimit(which, (min(most, least), least))


if __name__ == "__main__":
    main(sys.argv[1])

"""Submits jobs to NVIDIA FLARE, and tells how long their rounds took.

    python flare_driver.py ADMIN_KIT CLIENTS PARAMETERS

It prints a line when the server knows all clients. For each number on its input it runs a job with one round more, and
prints the durations of all but the first as JSON.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import TextIO

from flare_controller import TimedFedAvg
from nvflare.fuel.flare_api.flare_api import Session, new_secure_session
from nvflare.job_config.api import FedJob
from nvflare.job_config.script_runner import FrameworkType, ScriptRunner

_PAUSE = threading.Event()
_PAUSE_SECONDS = 0.5


def main(admin_kit: str, clients: str, parameters: str) -> None:
    """Run jobs until the input ends; what FLARE prints goes to the errors."""
    with contextlib.redirect_stdout(sys.stderr):
        _serve(sys.__stdout__, admin_kit, int(clients), int(parameters))


def _serve(answers: TextIO, admin_kit: str, clients: int, parameters: int) -> None:
    session = new_secure_session("admin@nvidia.com", admin_kit, timeout=120)
    while len(session.get_system_info().client_info) < clients:
        _PAUSE.wait(_PAUSE_SECONDS)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        with tempfile.TemporaryDirectory() as folder:
            seconds = _seconds(session, Path(folder), clients, int(line), parameters)
        print(json.dumps(seconds), file=answers, flush=True)


def _seconds(
    session: Session, folder: Path, clients: int, rounds: int, parameters: int
) -> list[float]:
    times = folder / "times.json"
    job = FedJob("unchanged", min_clients=clients)
    job.to_server(TimedFedAvg(clients, rounds + 1, parameters, str(times)))
    script = str(Path(__file__).with_name("flare_client.py"))
    job.to_clients(ScriptRunner(script=script, framework=FrameworkType.NUMPY))
    job.export_job(str(folder))
    job_id = session.submit_job(str(folder / "unchanged"))
    session.monitor_job(job_id)
    moments = json.loads(times.read_text())
    return [end - start for start, end in itertools.pairwise(moments)][1:]


if __name__ == "__main__":
    main(*sys.argv[1:])

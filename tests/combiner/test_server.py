"""A combiner's process: its threads, and its end."""

import asyncio
import subprocess
import sys
import threading

import pytest

from fednet.combiner import server
from fednet.combiner.server import serve
from fednet.combiner.shielded import in_thread
from fednet.controller.server import Controller
from fednet.settings import CombinerSettings, ControllerSettings

THREADS, TRANSFER_THREADS = 3, 5


@pytest.fixture
def settings(tmp_path):
    """Return the settings of a combiner whose controller runs."""
    controller = Controller.start(ControllerSettings(port=0, data_dir=tmp_path / "controller"))
    yield CombinerSettings(
        name="combiner-1",
        api_url=controller.api_url,
        token=controller.token,
        port=0,
        data_dir=tmp_path / "combiner-1",
        threads=THREADS,
        transfer_threads=TRANSFER_THREADS,
    )
    controller.stop()


def test_a_combiner_has_as_many_threads_as_its_settings_say(settings, monkeypatch):
    """Those that fold, and those that move files."""
    found = {}
    stop = threading.Event()

    async def meet(run, count):
        """Return once so many calls were under way at the same time; fewer threads would wait for ever."""
        barrier = threading.Barrier(count)
        await asyncio.gather(*(run(barrier.wait, 30) for _ in range(count)))

    async def served(combiner, _stop):
        await meet(combiner._engine._workers.run, THREADS)
        await meet(asyncio.to_thread, TRANSFER_THREADS)
        found["folding"] = combiner._engine._workers._threads._max_workers
        found["moving"] = asyncio.get_running_loop()._default_executor._max_workers

    monkeypatch.setattr("fednet.combiner.server.Combiner.serve", served)
    serve(settings, lambda _ready: None, stop)

    assert found == {"folding": THREADS, "moving": TRANSFER_THREADS}


def test_a_call_that_still_waits_for_its_thread_is_not_broken_off(settings, monkeypatch):
    """Its client is gone. If the end of the process cancelled the call again, gRPC would print a traceback."""
    calls, may_end, waits_for_calls = [], threading.Event(), server._calls_ended

    async def served(_combiner, _stop):
        calls.append(asyncio.create_task(in_thread(may_end.wait, 60)))

    async def ended():
        may_end.set()
        await waits_for_calls()

    monkeypatch.setattr("fednet.combiner.server.Combiner.serve", served)
    monkeypatch.setattr("fednet.combiner.server._calls_ended", ended)
    serve(settings, lambda _ready: None, threading.Event())

    assert calls[0].result() is True


PROCESS = """
import ctypes, sys, threading
from pathlib import Path
from fednet.combiner.server import serve
from fednet.settings import CombinerSettings

stop = threading.Event()

def ready(_):
    print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))  # PR_GET_DUMPABLE
    stop.set()

api_url, token, folder = sys.argv[1:]
settings = CombinerSettings(name="combiner-1", api_url=api_url, token=token, port=0, data_dir=Path(folder))
serve(settings, ready, stop)
"""


def test_a_combiner_lets_nobody_trace_it(settings):
    """Server functions run beside it: the system refuses them its memory and its environment in /proc."""
    told = (settings.api_url, settings.token, str(settings.data_dir))

    ran = subprocess.run(
        [sys.executable, "-c", PROCESS, *told], capture_output=True, text=True, check=True
    )

    assert ran.stdout.split() == ["0"]

"""The threads of a combiner's process are settings."""

import asyncio
import threading

from fednet.combiner.server import serve
from fednet.controller.server import Controller
from fednet.settings import CombinerSettings, ControllerSettings

THREADS, TRANSFER_THREADS = 3, 5


def test_a_combiner_has_as_many_threads_as_its_settings_say(tmp_path, monkeypatch):
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
    controller = Controller.start(ControllerSettings(port=0, data_dir=tmp_path / "controller"))
    try:
        settings = CombinerSettings(
            name="combiner-1",
            api_url=controller.api_url,
            token=controller.token,
            port=0,
            data_dir=tmp_path / "combiner-1",
            threads=THREADS,
            transfer_threads=TRANSFER_THREADS,
        )
        serve(settings, lambda _ready: None, stop)
    finally:
        controller.stop()

    assert found == {"folding": THREADS, "moving": TRANSFER_THREADS}

"""Client agents in threads of the test's process, and functions for them to run."""

import queue
import threading

SOON_SECONDS = 60.0


class Trainer:
    """A train function that counts its calls, with something to do in between."""

    def __init__(self, act=lambda: None):
        self.act = act
        self.calls = 0

    def __call__(self, parameters, _settings):
        self.calls += 1
        self.act()
        return parameters, {"num_examples": 5}


class Running:
    """An agent in a thread, and the error that it ended with."""

    def __init__(self, agent_of):
        self.ready = queue.Queue()
        self.problem = None
        self.agent = agent_of(self.ready.put)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            self.agent.run()
        except Exception as error:  # noqa: BLE001 (a test looks at it)
            self.problem = error

    def has_ended_soon(self):
        self.thread.join(SOON_SECONDS)
        return not self.thread.is_alive()

    def stop(self):
        self.agent.stop()
        assert self.has_ended_soon()


class Watched:
    """The calls of an agent's ledger, in queues to wait at."""

    def __init__(self, agent, monkeypatch):
        self.postponed = self._watch(agent._ledger, "postponed", monkeypatch)
        self.receipts = self._watch(agent._ledger, "receipted", monkeypatch)
        self.cancels = self._watch(agent._ledger, "cancel", monkeypatch)

    @staticmethod
    def _watch(ledger, name, monkeypatch):
        told = queue.Queue()
        monkeypatch.setattr(ledger, name, told_to(told, getattr(ledger, name)))
        return told


def told_to(told, method):
    """Return a method whose last argument goes to a queue once it has returned."""

    def watched(*given):
        method(*given)
        told.put(given[-1])

    return watched

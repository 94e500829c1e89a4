"""The proof that Xaynet's published participants, unmodified, take part in rounds of ours.

`make test-xaynet` makes the environment of the participants and runs this file; as it is not called `test_…`, the other
tests pass it by. The controller and each participant are processes of their own.
"""

import json
import queue
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
SECONDS = 120
PARTICIPANTS = 12
LENGTH = PARTICIPANTS + 3
SCALARS = (1.0, 0.5, 0.3, 0.1, 0.75, 0.9, 0.25, 0.6, 0.2, 0.7, 0.35, 0.45)

CONFIG = """
[pet.sum]
prob = 0.3
count = {{ min = {sums}, max = 10 }}
time = {{ min = 1, max = 15 }}
[pet.update]
prob = 1.0
count = {{ min = 3, max = 20 }}
time = {{ min = 1, max = 60 }}
[pet.sum2]
count = {{ min = 1, max = 10 }}
time = {{ min = 1, max = 60 }}
[mask]
group_type = "{group}"
data_type = "{data}"
bound_type = "{bound}"
model_type = "{models}"
[model]
length = {length}
"""


class Process:
    """A process whose lines are read as they come."""

    def __init__(self, command, stream):
        self.process = subprocess.Popen(command, **{stream: subprocess.PIPE}, text=True)
        self.lines = queue.SimpleQueue()
        self._pipe = getattr(self.process, stream)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        for line in self._pipe:
            self.lines.put(line)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._thread.join()
        self._pipe.close()


class Coordinator:
    """A controller that coordinates, and its log."""

    def __init__(self, folder, text):
        self.folder = folder
        self.port = 0
        (folder / "config.toml").write_text(text)
        self.start()

    def start(self):
        flags = (
            f"--data-dir={self.folder}/data",
            "--port=0",
            f"--xaynet-port={self.port}",
            f"--xaynet-config={self.folder}/config.toml",
        )
        self.process = Process(
            [sys.executable, "-m", "fednet", "controller", "start", *flags], "stderr"
        )
        self.read = 0  # lines of this process that a test has gone past
        self.log = []
        self.url = self.until(r"xaynet_url (http://\S+)")[1]
        self.port = int(self.url.rpartition(":")[2])
        self.read = 0

    def until(self, pattern):
        """Go on in the log until a line matches, and return the match."""
        deadline = time.monotonic() + SECONDS
        while True:
            if self.read == len(self.log):
                left = max(0.0, deadline - time.monotonic())
                self.log.append(self.process.lines.get(timeout=left))
            self.read += 1
            if found := re.search(pattern, self.log[self.read - 1]):
                return found

    def next_end(self):
        """Wait for the end of a round, and return it; rounds in which chance gave nobody the sum task do not count."""
        return self.until(r"round \d+(: phase idle| failed: (?!the phase sum had ).*)$")[1]

    def kill(self):
        self.process.kill()

    def restart(self):
        self.kill()
        self.start()


class Participants:
    """The published participants, one process each."""

    def __init__(self, python, url, data):
        self.all = [
            Process(
                [
                    *(python, HERE / "participant.py", url, str(SCALARS[number])),
                    json.dumps(weights_of(number, data).tolist()),
                ],
                "stdout",
            )
            for number in range(PARTICIPANTS)
        ]
        self.tasks = ["none"] * PARTICIPANTS
        self.models = []

    def hear(self, number):
        """Take note of all that a participant has said."""
        while not self.all[number].lines.empty():
            said = json.loads(self.all[number].lines.get())
            if said["event"] == "task":
                self.tasks[number] = said["task"]
            elif said["event"] == "model" and said["model"] is not None:
                self.models.append(said["model"])

    def next_models(self, count):
        """Wait for so many different models, as the participants fetch them."""
        deadline, found = time.monotonic() + SECONDS, []
        while len(found) < count:
            assert time.monotonic() < deadline
            for number in range(PARTICIPANTS):
                self.hear(number)
            found = list(dict.fromkeys(map(tuple, self.models)))
            threading.Event().wait(0.05)
        return found

    def one_with(self, task):
        """Wait until a participant has a task, and return its number."""
        deadline = time.monotonic() + SECONDS
        while True:
            assert time.monotonic() < deadline
            for number in range(PARTICIPANTS):
                self.hear(number)
                if self.tasks[number] == task:
                    return number
            threading.Event().wait(0.02)

    def kill(self):
        for process in self.all:
            process.kill()


def weights_of(number, data):
    """Weights whose first places say whose they are; none is above a half, where float32 is exact enough."""
    weights = np.zeros(LENGTH)
    weights[number] = 0.5
    weights[-3:] = [0.4 / (number + 1), -0.05 * number, 0.3]
    return (10_000 * weights).astype(int) if data.startswith("I") else weights


def check(model, data):
    """Compare a model with the weighted mean of those who took part, as its first places tell."""
    took_part = [number for number in range(PARTICIPANTS) if model[number] > 0]
    assert len(took_part) >= 3
    models = [weights_of(number, data) for number in took_part]
    mean = np.average(models, axis=0, weights=[SCALARS[number] for number in took_part])
    tolerance = 1 if data.startswith("I") else 1e-7
    assert np.abs(np.array(model) - mean).max() <= tolerance


@pytest.fixture
def begin(repository, tmp_path):
    """Starts a coordinator with a configuration."""
    with ExitStack() as stack:

        def start(sums=1, group="Prime", data="F32", bound="B0", models="M3"):
            text = CONFIG.format(
                sums=sums, group=group, data=data, bound=bound, models=models, length=LENGTH
            )
            coordinator = Coordinator(tmp_path, text)
            stack.callback(coordinator.kill)
            python = repository / ".venv-xaynet" / "bin" / "python"
            participants = Participants(python, coordinator.url, data)
            stack.callback(participants.kill)
            return coordinator, participants

        yield start


@pytest.mark.parametrize(
    ("group", "data", "bound", "models"),
    [
        ("Prime", "F32", "B0", "M3"),
        ("Power2", "F64", "B2", "M6"),
        ("Integer", "I32", "B6", "M9"),
    ],
)
def test_three_rounds_give_the_weighted_means(begin, group, data, bound, models):
    """Of all who took part, with scalars of their own; also if a number needs several machine words."""
    _, participants = begin(group=group, data=data, bound=bound, models=models)

    found = participants.next_models(3)

    for model in found:
        check(model, data)


@pytest.mark.parametrize("phase", ["sum", "update", "sum2", "unmask", "idle"])
def test_a_killed_coordinator_goes_on_with_its_round(begin, phase):
    """Killed as soon as it tells of a phase, it has the same round afterwards, and nobody need begin anew."""
    coordinator, participants = begin()
    number = int(coordinator.until(rf"round (\d+): phase {phase}$")[1])

    coordinator.restart()

    resumed = int(coordinator.until(r"coordinates Xaynet's rounds: round (\d+), phase \w+$")[1])
    assert resumed in {number, number + (phase == "idle")}
    assert coordinator.next_end() == ": phase idle"
    check(participants.next_models(1)[0], "F32")


@pytest.mark.parametrize(
    ("task", "phase"),
    [("update", "sum"), ("sum", "update"), ("update", "sum2"), ("sum", "sum2")],
)
def test_a_participant_that_vanishes_does_not_end_its_round(begin, task, phase):
    """Killed in a phase, with its task done or not: the round goes on with the others."""
    coordinator, participants = begin(sums=2)
    coordinator.until(rf"round (\d+): phase {phase}$")

    participants.all[participants.one_with(task)].kill()

    assert coordinator.next_end() == ": phase idle"
    check(participants.next_models(1)[0], "F32")

"""Tasks as calls of a package's object, which stays in a process of its own."""

import math
import os
import select
import subprocess
import sys
import threading

import numpy as np
import pytest

from fednet.client.runtime import HostedRuntime, PackageRuntime, package_runtime
from fednet.errors import TaskFailed
from fednet.packages import Manifest
from fednet.parameters import load_parameters

COUNTS = """
import os
class Client:
    calls = 0
    def train(self, parameters, settings):
        self.calls += 1
        return [array + 1 for array in parameters], {"num_examples": 3, "calls": self.calls}
    def validate(self, parameters, settings):
        return {"pid": os.getpid(), "calls": self.calls, "settings": str(settings)}
"""


def validates(body, before=""):
    """Return a module whose object validates with these lines."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    return f"{before}\nclass Client:\n    def validate(self, parameters, settings):\n{lines}\n"


@pytest.fixture
def hosted(tmp_path):
    """Give a function that makes runtimes of packages whose object stands in the given module."""
    made = []

    def make(code, seconds_max=30.0, client="model:Client", **commands):
        folder = tmp_path / "package"
        folder.mkdir(exist_ok=True)
        (folder / "model.py").write_text(code)
        manifest = Manifest(commands, None, ".", client)
        made.append(package_runtime(folder, manifest, tmp_path / "work", seconds_max))
        return made[-1]

    yield make
    for runtime in made:
        runtime.close()


def test_the_manifest_says_how_a_package_runs(hosted, package):
    """The tasks of a package with a client are calls; without a client they are commands."""
    assert isinstance(hosted(COUNTS), HostedRuntime)
    assert type(package(train="x")) is PackageRuntime


def test_training_writes_the_update_and_returns_its_metadata(hosted, model, tmp_path):
    """The object gets arrays and gives arrays."""
    metadata = hosted(COUNTS).train(model, tmp_path / "update.npz", {})

    assert metadata == {"num_examples": 3, "calls": 1}
    pairs = zip(load_parameters(model), load_parameters(tmp_path / "update.npz"), strict=True)
    assert all(np.array_equal(before + 1, after) for before, after in pairs)
    assert list((tmp_path / "work").iterdir()) == []


def test_predicting_returns_json(hosted, model):
    """Arrays become lists in the predictions."""
    code = (
        "class Client:\n"
        "    def predict(self, parameters, settings):\n"
        "        return {'row': parameters[0][0], **settings}\n"
    )

    assert hosted(code).predict(model, {"n": 1}) == {"row": [1.0, 1.0, 1.0], "n": 1}


def test_the_object_is_loaded_once_for_all_tasks(hosted, model, tmp_path):
    """It lives in one process, which remembers."""
    runtime = hosted(COUNTS)
    runtime.train(model, tmp_path / "update.npz", {})
    first = runtime.validate(model, {"epochs": 3})
    second = runtime.validate(model, {})

    assert first["pid"] == second["pid"] != os.getpid()
    assert first["calls"] == 1
    assert first["settings"] == "{'epochs': 3}"


def test_an_object_that_counts_as_false_is_loaded_once_too(hosted, model):
    """An object with a length of 0, for example, is loaded once like any other."""
    code = validates("return {'made': Client.made}") + (
        "    made = 0\n    def __init__(self): Client.made += 1\n    def __len__(self): return 0\n"
    )
    runtime = hosted(code)

    assert [runtime.validate(model, {})["made"] for _ in "123"] == [1, 1, 1]


def test_the_object_may_stand_ready_in_its_module(hosted, model):
    """An object is taken as it is, a class is called."""
    runtime = hosted(validates("return {'x': 1}") + "\nready = Client()", client="model:ready")

    assert runtime.validate(model, {}) == {"x": 1}


def test_modules_of_the_package_are_found_before_others(hosted, model, tmp_path):
    """Modules of the package win over others of the same name, and none of ours stands in their way."""
    code = validates("return {'x': calls.X}", "import calls")
    runtime = hosted(code)
    (tmp_path / "package" / "calls.py").write_text("X = 7")

    assert runtime.validate(model, {}) == {"x": 7}


def test_startup_runs_before_the_object_is_loaded(hosted, model):
    """The startup command runs first, so it can prepare what the object needs."""
    code = validates("return {'x': X}", "X = int(open('made').read())")

    assert hosted(code, startup="echo 5 > made").validate(model, {}) == {"x": 5}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_module", "ModuleNotFoundError"),
        ("x = 1", "has no attribute 'Client'"),
        ("class Client:\n    pass", "no validate method"),
        (validates("raise KeyError('oh')"), "validate failed: KeyError: 'oh'"),
        (validates("raise SystemExit(3)"), "SystemExit: 3"),
        (validates("return 3"), "must return a dict"),
        (
            "class Client:\n    def validate(self, model):\n        return {}",
            r"`def validate\(parameters, settings\):`",
        ),
        (
            "class Client:\n    async def train(self, p, s):\n        return p",
            "train function is asynchronous",
        ),
        (validates("import os; print('bye'); os._exit(3)"), "failed with exit code 3: bye."),
        (validates("import os; os._exit(0)"), "ended before it answered"),
        (validates("import os; os.kill(os.getpid(), 11)"), "ended by signal 11"),
        (validates("import os, sys; os.write(int(sys.argv[3]), b'xxxxxxxx')"), "which is too many"),
        (validates("import os, sys; os.close(int(sys.argv[3]))"), "ended by signal|Bad file"),
    ],
)
def test_an_object_that_does_not_do_its_part_fails_the_task(hosted, model, code, words):
    """A faulty object fails its task, and the agent lives on."""
    with pytest.raises(TaskFailed, match=words):
        hosted(code).validate(model, {})


@pytest.mark.parametrize(
    "number", ["float('nan')", "float('-inf')", "10**5000", "np.float32('nan')"]
)
def test_a_number_that_is_not_finite_arrives(hosted, model, number):
    """The object's answer counts; the agent stores such a number as null and reports it."""
    metrics = hosted(validates(f"return {{'x': 1, 'y': {number}}}", "import numpy as np")).validate(
        model, {}
    )

    assert metrics["x"] == 1
    assert not math.isfinite(metrics["y"])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("parameters", "did not return a pair"),
        ("(parameters, {})", "no num_examples"),
        ("([], {'num_examples': 1})", "or an empty list"),
        ("(['x'], {'num_examples': 1})", "arrays of numbers"),
    ],
)
def test_a_wrong_update_fails_the_task(hosted, model, tmp_path, answer, words):
    """The failure has the words of a train function that runs in the agent."""
    code = f"class Client:\n    def train(self, parameters, settings):\n        return {answer}"

    with pytest.raises(TaskFailed, match=words):
        hosted(code).train(model, tmp_path / "update.npz", {})

    assert not (tmp_path / "update.npz").exists()


def test_a_failure_comes_with_the_traceback_and_what_was_printed(hosted, model):
    """The output comes before the traceback; the output of an earlier task stays away."""
    runtime = hosted(validates("print('number', settings['n'])\nreturn {'x': 1 / settings['n']}"))
    runtime.validate(model, {"n": 5})

    with pytest.raises(TaskFailed) as caught:
        runtime.validate(model, {"n": 0})

    assert caught.value.traceback.startswith("number 0\nTraceback")
    assert "ZeroDivisionError" in caught.value.traceback


def test_an_exception_does_not_end_the_process(hosted, model):
    """The next task finds the same object."""
    code = validates(
        "self.calls = getattr(self, 'calls', 0) + 1\nreturn {'x': 1 // (self.calls - 1)}"
    )
    runtime = hosted(code)
    with pytest.raises(TaskFailed, match="ZeroDivisionError"):
        runtime.validate(model, {})

    assert runtime.validate(model, {}) == {"x": 1}


def test_after_a_crash_the_next_task_gets_a_new_process(hosted, model):
    """One task is lost, not the client."""
    runtime = hosted(validates("import os\nif settings: os._exit(1)\nreturn {'x': 1}"))
    with pytest.raises(TaskFailed):
        runtime.validate(model, {"crash": True})

    assert runtime.validate(model, {}) == {"x": 1}


def test_a_process_that_ended_between_tasks_fails_none(hosted, model):
    """An idle process that ends, for want of memory say, fails no task."""
    runtime = hosted(COUNTS)
    pid = runtime.validate(model, {})["pid"]
    os.kill(pid, 9)
    runtime._host._running.process.process.wait()

    assert runtime.validate(model, {})["pid"] != pid


def test_a_task_that_takes_too_long_ends_the_process(hosted, model):
    """The next task is served by a new process, whose start counts as part of its time."""
    runtime = hosted(
        validates("import signal\nif settings: signal.pause()\nreturn {'x': 1}"), seconds_max=2
    )

    with pytest.raises(TaskFailed, match="longer than 2 seconds"):
        runtime.validate(model, {"wait": True})
    runtime._host._seconds_max = 60

    assert runtime.validate(model, {}) == {"x": 1}


def test_cancel_ends_the_task_and_holds_for_no_later_one(hosted, model, tmp_path):
    """The process is killed with all its children."""
    os.mkfifo(tmp_path / "begun")
    wait = f"import signal\nif settings:\n    open('{tmp_path}/begun', 'w').write('x')"
    runtime = hosted(validates(f"{wait}\n    signal.pause()\nreturn {{'x': 1}}"))

    def cancel():
        (tmp_path / "begun").read_text()
        runtime.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    with pytest.raises(TaskFailed, match="cancelled"):
        runtime.validate(model, {"wait": True})
    canceller.join()
    runtime.begin_task()

    assert runtime.validate(model, {}) == {"x": 1}


def test_a_cancel_that_comes_too_late_fails_no_later_task(hosted, model):
    """The process that it killed is replaced."""
    runtime = hosted(COUNTS)
    runtime.validate(model, {})
    runtime.cancel()
    runtime.begin_task()

    assert runtime.validate(model, {})["calls"] == 0


def test_closing_ends_the_process(hosted, model):
    """Nothing is left of a runtime."""
    runtime = hosted(COUNTS)
    process = os.pidfd_open(runtime.validate(model, {})["pid"])

    runtime.close()

    assert select.select([process], [], [], 10)[0]


AGENT = """
import sys
from pathlib import Path
from fednet.client.runtime import package_runtime
from fednet.packages import Manifest
folder = Path(sys.argv[1])
runtime = package_runtime(folder, Manifest({}, None, ".", "model:Client"), folder / "work", 60)
print(runtime.validate(folder / "model.npz", {})["pid"], flush=True)
sys.stdin.read()
"""


def test_kill_9_of_the_agent_ends_an_idle_process(model):
    """The supervisor ends the process also when no task runs."""
    (model.parent / "model.py").write_text(COUNTS)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", AGENT, str(model.parent)], **pipes) as agent:
        process = os.pidfd_open(int(agent.stdout.readline()))
        agent.kill()

    assert select.select([process], [], [], 10)[0]

"""Tasks as commands of a package."""

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fednet import limits
from fednet.client.runtime import commands
from fednet.errors import TaskFailed
from fednet.processes import Group
from fednet.sandbox import Box, Sandbox

WRITE = 'write() { cp "$1" "$2"; echo \'{"num_examples": 7}\' > "$2-metadata"; }; '


def has_ended(process):
    """Return True if the process ends within ten seconds; `process` is a file descriptor of its own."""
    return bool(select.select([process], [], [], 10)[0])


def is_gone(pid):
    try:
        return has_ended(os.pidfd_open(pid))
    except ProcessLookupError:
        return True


def test_training_moves_the_update_and_returns_its_metadata(package, model, tmp_path):
    """The command's files become the update and its metadata; nothing else stays."""
    runtime = package(train=WRITE + "write")

    metadata = runtime.train(model, tmp_path / "update.npz", {})

    assert metadata == {"num_examples": 7}
    assert (tmp_path / "update.npz").read_bytes() == model.read_bytes()
    assert list((tmp_path / "work").iterdir()) == []


def test_paths_with_spaces_and_quotes_arrive_whole(package, model, tmp_path):
    """Arguments are quoted for the shell."""
    odd = tmp_path / "it's a; model.npz"
    odd.write_bytes(model.read_bytes())

    metadata = package(train=WRITE + "write").train(odd, tmp_path / "an update.npz", {})

    assert metadata["num_examples"] == 7


def test_validating_reads_the_metrics(package, model):
    """The metrics are flat JSON at the second argument."""
    runtime = package(validate="""v() { echo '{"accuracy": 0.5}' > "$2"; }; v""")

    assert runtime.validate(model, {}) == {"accuracy": 0.5}
    assert runtime.kinds == {"VALIDATE"}
    assert runtime.needs_package


def test_predicting_reads_what_was_predicted(package, model):
    """The predictions are a JSON object of any depth at the second argument."""
    runtime = package(predict="""p() { echo '{"labels": [[1], [2]]}' > "$2"; }; p""")

    assert runtime.predict(model, {}) == {"labels": [[1], [2]]}
    assert runtime.kinds == {"PREDICT"}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("true", "did not write JSON"),
        ("p() { echo '[1]' > \"$2\"; }; p", "must return a dict"),
        ('p() { echo no > "$2"; }; p', "invalid JSON"),
    ],
)
def test_predictions_that_are_no_json_object_fail_the_task(package, model, script, words):
    """The message says what to write."""
    with pytest.raises(TaskFailed, match=words):
        package(predict=script).predict(model, {})


def test_python_is_this_interpreter(package, model):
    """A package runs with the agent's interpreter."""
    program = "import json,sys;json.dump({'x': sys.executable}, open(sys.argv[2], 'w'))"

    metrics = package(validate=f'python -c "{program}"').validate(model, {})

    assert metrics["x"] == str(Path(sys.executable).parent / "python")


def test_the_settings_arrive_as_a_file(package, model):
    """FEDNET_TASK_SETTINGS names it."""
    runtime = package(validate='v() { cp "$FEDNET_TASK_SETTINGS" "$2"; }; v')

    assert runtime.validate(model, {"epochs": 3}) == {"epochs": 3}


def test_the_settings_lie_beside_the_model_as_in_fedn(package, model, tmp_path):
    """Its path with `-metadata` added has the same JSON; the model itself stays where it is."""
    runtime = package(
        train='t() { cp "$1" "$2"; cp "$1-metadata" "$2-metadata"; }; t',
        validate='v() { cp "$1-metadata" "$2"; }; v',
        predict='p() { cp "$1-metadata" "$2"; }; p',
    )

    trained = runtime.train(model, tmp_path / "update", {"num_examples": 3, "epochs": 2})

    assert trained == {"num_examples": 3, "epochs": 2}
    assert (tmp_path / "update").read_bytes() == model.read_bytes()
    assert runtime.validate(model, {"epochs": 3}) == {"epochs": 3}
    assert runtime.predict(model, {"epochs": 4}) == {"epochs": 4}
    assert not list(model.parent.glob("*-metadata"))


def test_secrets_of_the_agent_stay_with_it(package, model, monkeypatch):
    """No setting of fednet is in a task's environment, everything else is."""
    monkeypatch.setenv("FEDNET_TOKEN", "secret")
    monkeypatch.setenv("MY_DATA", "here")
    text = '{\\"token\\": \\"$FEDNET_TOKEN\\", \\"data\\": \\"$MY_DATA\\"}'
    command = f'v() {{ echo "{text}" > "$2"; }}; v'

    assert package(validate=command).validate(model, {}) == {"token": "", "data": "here"}


def test_stdin_is_empty(package, model):
    """A command that asks gets no answer, and does not wait."""
    runtime = package(validate='cat; v() { echo "{}" > "$2"; }; v')

    assert runtime.validate(model, {}) == {}


def test_startup_runs_once_before_the_first_task(package, model, tmp_path):
    """The startup command runs once, however many tasks follow."""
    runtime = package(startup="echo x >> started", validate='v() { echo "{}" > "$2"; }; v')

    runtime.validate(model, {})
    runtime.validate(model, {})

    assert (tmp_path / "package/started").read_text().split() == ["x"]


def test_a_failed_startup_fails_the_task_and_is_tried_again(package, model, tmp_path):
    """The next task begins with it."""
    runtime = package(startup="test -e ready", validate='v() { echo "{}" > "$2"; }; v')
    with pytest.raises(TaskFailed, match="startup command failed with exit code 1"):
        runtime.validate(model, {})
    (tmp_path / "package/ready").touch()

    assert runtime.validate(model, {}) == {}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo oh no; exit 3 #", "train command failed with exit code 3: oh no.$"),
        ("echo oh; echo; exit 3 #", "failed with exit code 3: oh.$"),
        ("printf %9999d 0; exit 3 #", "failed with exit code 3: .{1,500}$"),
        ("exit 3 #", "failed with exit code 3.$"),
        ("no-such-command", "exit code 127: .*no-such-command: (command )?not found"),
        ("kill -9 $$ #", r"ended by signal 9 \(Killed\)\.$"),
        ("true", "did not write its update"),
        ("w() { cp $1 $2; }; w", "did not write JSON to the file update.npz-metadata"),
        ("w() { cp $1 $2; echo '{' > $2-metadata; }; w", "invalid JSON"),
        ("w() { cp $1 $2; echo '[' > $2-metadata; }; w", "invalid JSON"),
        ("w() { cp $1 $2; echo '[]' > $2-metadata; }; w", "must be a dict"),
        ("w() { cp $1 $2; echo '{}' > $2-metadata; }; w", "no num_examples"),
        ("w() { cp $1 $2; echo '{\"num_examples\": NaN}' > $2-metadata; }; w", "num_examples"),
        ("w() { cp $1 $2; head -c 300000 /dev/zero > $2-metadata; }; w", "more than"),
    ],
)
def test_a_command_that_does_not_do_its_part_fails_the_task(
    package, model, tmp_path, command, words
):
    """The message says which part is missing, and no update appears."""
    with pytest.raises(TaskFailed, match=words):
        package(train=command).train(model, tmp_path / "update.npz", {})

    assert not (tmp_path / "update.npz").exists()


def test_the_output_of_a_failure_comes_with_it(package, model):
    """Both streams, in their order."""
    with pytest.raises(TaskFailed) as caught:
        package(validate="echo first; echo second >&2; exit 1 #").validate(model, {})

    assert caught.value.traceback == "first\nsecond\n"


def test_only_the_end_of_a_long_output_is_kept(package, model):
    """Memory and status stay small, however much is printed."""
    with pytest.raises(TaskFailed) as caught:
        package(validate="head -c 5000000 /dev/zero | tr '\\0' x; echo end; exit 1 #").validate(
            model, {}
        )

    assert len(caught.value.traceback) == limits.traceback_characters_max
    assert caught.value.traceback.endswith("xend\n")


def test_an_old_answer_is_not_taken_for_a_new_one(package, model, tmp_path):
    """Each task has a folder of its own."""
    package(train=WRITE + "write").train(model, tmp_path / "update.npz", {})

    with pytest.raises(TaskFailed, match="did not write"):
        package(train="true").train(model, tmp_path / "update.npz", {})


def test_a_task_that_takes_too_long_is_killed_with_all_its_children(package, model, tmp_path):
    """The whole group ends: a pipe that all of it holds open comes to its end."""
    os.mkfifo(tmp_path / "alive")
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    command = f"exec 3> {tmp_path}/alive; sleep 60 & sleep 60 #"
    runtime = package(seconds_max=0.5, validate=command)

    with pytest.raises(TaskFailed, match=r"longer than 0\.5 seconds"):
        runtime.validate(model, {})

    os.set_blocking(alive, True)
    with os.fdopen(alive, "rb") as file:
        assert file.read() == b""


def test_what_a_command_leaves_in_the_background_ends_with_it(package, model, tmp_path):
    """Its children hold the output open, which is not waited for."""
    started = time.monotonic()
    command = 'v() { echo "{}" > "$2"; sleep 60 & echo $! > child; }; v'

    package(validate=command).validate(model, {})

    assert time.monotonic() - started < 30
    assert is_gone(int((tmp_path / "package/child").read_text()))


def test_cancel_ends_a_running_task(package, model, tmp_path):
    """The command is killed at once; the next task is not cancelled."""
    os.mkfifo(tmp_path / "begun")
    runtime = package(validate=f"echo x > {tmp_path}/begun; sleep 60 #", train=WRITE + "write")

    def cancel():
        (tmp_path / "begun").read_text()
        runtime.cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()

    with pytest.raises(TaskFailed, match="cancelled"):
        runtime.validate(model, {})

    canceller.join()
    runtime.begin_task()
    assert runtime.train(model, tmp_path / "update.npz", {})["num_examples"] == 7


def test_a_command_after_a_cancel_does_not_begin(tmp_path):
    """A cancel between two commands of a task holds for the second."""
    group = Group()
    cancelled = commands.Commands(tmp_path, 30, group, lambda _: None, Sandbox())
    group.cancel()

    with pytest.raises(TaskFailed, match="cancelled"):
        cancelled.run("train", "touch begun", os.environ, Box((tmp_path,), tmp_path))

    assert not (tmp_path / "begun").exists()


def test_a_missing_entry_point_fails_the_task(package, model):
    """The message says which entry point to add."""
    with pytest.raises(TaskFailed, match="no entry point validate"):
        package(train="x").validate(model, {})


def test_a_missing_folder_fails_the_task(package, model, tmp_path):
    """A package that somebody has removed fails its task."""
    runtime = package(validate="true")
    (tmp_path / "package").rmdir()

    with pytest.raises(TaskFailed, match="Cannot start"):
        runtime.validate(model, {})


AGENT = """
import sys
from pathlib import Path
from fednet.client.runtime import PackageRuntime
from fednet.packages import Manifest
folder = Path(sys.argv[1])
manifest = Manifest({"validate": sys.argv[2]}, None, ".")
PackageRuntime(folder, manifest, folder / "work", 60).validate(folder / "model", {})
"""


def test_kill_9_of_the_agent_leaves_no_task_behind(tmp_path):
    """The supervisor ends the command with all its descendants when the agent is gone, and ends itself."""
    os.mkfifo(tmp_path / "pids")
    command = "sleep 60 & echo $! $$ $PPID > pids; sleep 60 #"
    agent = subprocess.Popen([sys.executable, "-c", AGENT, str(tmp_path), command])
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    processes = [os.pidfd_open(pid) for pid in pids]

    agent.kill()
    agent.wait()

    assert len(processes) == 3
    assert all(has_ended(process) for process in processes)


def test_the_shell_gets_no_more_than_the_settings_it_needs(package, model):
    """The settings' file holds exactly the session's settings."""
    settings = {"a": [1, {"b": None}]}
    command = """v() { python -c 'import json,os,sys
held = json.load(open(os.environ["FEDNET_TASK_SETTINGS"]))
json.dump({"text": json.dumps(held)}, open(sys.argv[1], "w"))' "$2"; }; v"""

    metrics = package(validate=command).validate(model, settings)

    assert json.loads(metrics["text"]) == settings


def test_startup_outlives_the_cancel_of_a_task(package, model, tmp_path):
    """A task that is cancelled while startup runs does not end it; startup runs once."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    runtime = package(
        startup=f"echo >> {tmp_path}/starts; cat {gate}",
        validate="""v() { echo '{"accuracy": 0.5}' > "$2"; }; v""",
    )
    preparing = threading.Thread(target=runtime.make_ready)
    preparing.start()
    with gate.open("w"):
        runtime.cancel()
    preparing.join()
    runtime.begin_task()

    assert runtime.is_ready
    assert runtime.validate(model, {}) == {"accuracy": 0.5}
    assert (tmp_path / "starts").read_text() == "\n"

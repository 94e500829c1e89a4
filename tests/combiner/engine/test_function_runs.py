"""Server functions in real child processes: their results, their bounds and their failures."""

import asyncio
import contextlib
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import textwrap
import uuid
from dataclasses import replace

import numpy as np
import pytest

from fednet import limits
from fednet.combiner.engine.function_processes import Bounds
from fednet.combiner.machine.assignment import task_id_of
from fednet.errors import FailedPrecondition, InvalidInput, NotFound
from fednet.parameters import load_parameters, write_model
from fednet.storage import open_blobs
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2

SECONDS = 60.0
QUICK = Bounds(seconds_max=SECONDS, memory_bytes_max=512 * limits.MIB)


def functions(**methods):
    """Return the source of a class with these methods, each given by its body."""
    arguments = {"aggregate": "previous_global, client_updates", "client_selection": "client_ids"}
    lines = ["class Mine(ServerFunctionsBase):"]
    for name, body in methods.items():
        of = {"__init__": "self"}.get(name) or f"self, {arguments.get(name, 'global_model')}"
        lines += [f"    def {name}({of}):", textwrap.indent(textwrap.dedent(body), " " * 8)]
    return "\n".join(lines)


@pytest.fixture
def store(tmp_path):
    """Return a folder; copies from another kind of store have tests elsewhere."""
    opened = open_blobs(f"file://{tmp_path / 'blobs'}")
    yield opened
    opened.close()


class Planner:
    """A combiner that is asked for plans."""

    def __init__(self, combiner, model):
        self.combiner, self.model, self.folder = combiner, model, combiner.folder
        self.begin(QUICK)

    def begin(self, bounds):
        self.combiner.options["bounds"] = bounds
        self.combiner.begin()

    async def close(self):
        await self.combiner.close()

    async def plan(self, source, *clients, **changes):
        phase_id = changes.pop("phase_id", str(uuid.uuid4()))
        seconds_max = changes.pop("seconds_max", SECONDS)
        obsolete = changes.pop("obsolete", [])
        asked = rounds_pb2.ServerFunctions(
            about={"phase_id": phase_id, "session_id": "s", "round_number": 1},
            source=source,
            helper="numpyhelper",
            seconds_max=seconds_max,
            obsolete_state_ids=obsolete,
        )
        request = rounds_pb2.PlanRequest(functions=asked, model=self.model, clients=clients)
        if changes.get("state"):
            request.state.CopyFrom(changes["state"])
        return await self.combiner.plan(request)

    def logs(self):
        return [(event.log.level, event.log.text) for event in self.combiner.kept()]


@pytest.fixture
def planner(another_combiner, put_model):
    made = Planner(another_combiner("c"), put_model(np.array([1, 2, 3], np.float32)))
    yield made
    assert list((made.folder / "tmp").iterdir()) == []


@contextlib.asynccontextmanager
async def running(planner):
    yield
    await planner.close()


async def test_a_plan_is_what_the_functions_say(planner):
    """The chosen clients come once and sorted, and NumPy's numbers come as JSON's."""
    source = functions(
        client_selection="return [client_ids[2], client_ids[0], client_ids[2]]",
        client_settings="return {'lr': np.float64(0.5), 'sum': float(global_model[0].sum())}",
    )
    async with running(planner):
        planned = await planner.plan(source, "a", "b", "c")

    assert list(planned.clients) == ["a", "c"]
    assert json.loads(planned.settings_json) == {"lr": 0.5, "sum": 6.0}
    assert not planned.HasField("state")


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_combiner_says_whether_it_allows_them_and_holds_to_it(planner, allowed):
    """The snapshot says so first; a controller that asks all the same is refused with the setting's name."""
    planner.begin(replace(QUICK, allowed=allowed))
    async with running(planner):
        asked = planner.plan(functions(client_selection="return client_ids"), "a")
        [answer] = await asyncio.gather(asked, return_exceptions=True)

    assert planner.combiner.snapshot().allows_functions is allowed
    if allowed:
        assert list(answer.clients) == ["a"]
    else:
        assert isinstance(answer, FailedPrecondition)
        assert answer.field == "server_functions"
        assert "'c' runs no server functions" in answer.message


async def test_what_they_remember_goes_from_run_to_run(planner, store):
    """A blob carries values and arrays to a new process too; obsolete memory is deleted."""
    source = functions(
        __init__="self.note = {'count': 0, 'momentum': np.zeros(3, np.float32)}",
        client_settings="""
            self.note['count'] += 1
            self.note['momentum'] += 1
            assert self.note['momentum'].tolist() == [self.note['count']] * 3
            return {'count': self.note['count']}
        """,
    )
    async with running(planner):
        first = await planner.plan(source)
    planner.begin(QUICK)
    async with running(planner):
        second = await planner.plan(source, state=first.state)
        third = await planner.plan(source, state=second.state, obsolete=[first.state.id])

    counts = [json.loads(each.settings_json)["count"] for each in (first, second, third)]
    assert counts == [1, 2, 3]
    assert set(store.list("states/")) == {f"states/{each.state.id}" for each in (second, third)}


async def test_memory_that_is_a_pickle_fails_the_run(planner, store, tmp_path):
    """A session that began before this format ends with the reason; the pickle is not loaded."""
    write_model(tmp_path / "state", [np.frombuffer(pickle.dumps({"a": 1}), np.uint8)])
    state = common_pb2.BlobRef(kind=common_pb2.BlobRef.STATE, id=str(uuid.uuid4()))
    put = store.put_file(f"states/{state.id}", tmp_path / "state")
    state.size_bytes, state.digest = put.size_bytes, put.text
    async with running(planner):
        planned = await planner.plan(functions(client_settings="return {}"), state=state)

    assert "is a pickle, as fednet 0.1.0 wrote it" in planned.failure.message


async def test_a_step_that_is_repeated_repeats_its_result(planner):
    """Random numbers and the order of sets come from the request; another run draws others."""
    source = functions(
        __init__="self.x = 1",
        client_settings="""
            self.x = random.random()
            return {'all': [self.x, np.random.rand(), *{'a', 'b', 'c', 'd', 'e'}]}
        """,
    )
    phase_id = str(uuid.uuid4())
    async with running(planner):
        one, again = [await planner.plan(source, phase_id=phase_id) for _ in "12"]
        other = await planner.plan(source)

    assert one == again
    assert one.settings_json != other.settings_json
    assert one.state.id != other.state.id


async def test_a_plan_that_is_asked_for_twice_at_once_is_made_once(planner):
    """The second request waits for the result of the first."""
    source = functions(client_settings="return {'pid': os.getpid()}")
    phase_id = str(uuid.uuid4())
    async with running(planner):
        one, two = await asyncio.gather(*[planner.plan(source, phase_id=phase_id) for _ in "12"])

    assert one == two


async def test_an_error_is_told_with_the_users_lines(planner):
    """The traceback has the user's lines only; the log of the network has it too."""
    source = functions(client_settings="return self.divide(0)", divide="return 1 / global_model")
    async with running(planner):
        planned = await planner.plan(source)
    failure = planned.failure

    assert failure.message == "The server functions failed: ZeroDivisionError: division by zero"
    assert 'server_functions.py", line 3, in client_settings' in failure.traceback
    assert "return 1 / global_model" in failure.traceback
    assert "fednet" not in failure.traceback
    [(level, text)] = planner.logs()
    assert level == tasks_pb2.LogRecord.ERROR
    assert failure.traceback.strip() in text


async def test_what_they_print_goes_to_the_log(planner):
    """The end of the output is kept, up to a limit."""
    source = functions(client_settings="print('x' * 100_000)\nlogger.info('hi')\nreturn {}")
    async with running(planner):
        await planner.plan(source)

    [(_, text)] = planner.logs()
    assert "hi" in text
    assert len(text) <= limits.traceback_characters_max


FAILURES = {
    "while True: pass": "took longer than 1 seconds and were stopped",
    "time.sleep(60)": "took longer than 1 seconds and were stopped",
    "signal = __import__('signal'); signal.pause()": "took longer than 1 seconds",
    "os._exit(0)": "ended before it answered",
    "print('bye')\nos._exit(3)": "failed with exit code 3: bye.",
    "os.kill(os.getpid(), 9)": "was ended by signal 9",
    "import sys; sys.exit(0)": "SystemExit: 0",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "import resource; resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))": "ValueError",
    "return [1]": "client_settings must return a dict",
    "return {1: 2}": "client_settings must return a dict",
    "return {'x': float('nan')}": "is not JSON",
    "return {'x': object()}": "object is not a type of JSON",
    "x = 1\nfor _ in range(500): x = [x]\nreturn {'x': x}": "levels deep",
    "return {'x': 'y' * 300_000}": "more than 262144 bytes",
    "self.file = open(os.devnull); return {}": "'file' of self cannot be kept for the next run",
    "import nothing_of_that_name": "ModuleNotFoundError",
    "return {'x': undefined}": "NameError",
    "raise OSError('no file caf\\udce9')": "OSError: no file caf\ufffd",
}


@pytest.mark.parametrize("body", FAILURES)
async def test_a_step_that_goes_wrong_says_how(planner, body):
    """The failure says how the run went wrong, and the combiner goes on."""
    source = functions(client_settings=body)
    seconds_max = 1.0 if "1 seconds" in FAILURES[body] else SECONDS
    async with running(planner):
        planned = await planner.plan(source, seconds_max=seconds_max)

    assert FAILURES[body] in planned.failure.message
    assert not planned.HasField("state")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 'a'", "client_selection returned str"),
        ("return ['a', 'x']", "'x', which is not one of the given ids"),
        ("return [['a']]", "not one of the given ids"),
    ],
)
async def test_a_selection_is_of_those_that_were_given(planner, body, words):
    """No client is chosen that was not among the given ones."""
    async with running(planner):
        planned = await planner.plan(functions(client_selection=body), "a", "b")

    assert words in planned.failure.message


@pytest.mark.parametrize(
    "body",
    [
        "return {'x': len(bytearray(1 << 30))}",
        "return {'x': np.ones(1 << 28).sum()}",
        "held = []\nwhile True: held.append('x' * 1_000_000)",
    ],
)
async def test_memory_beyond_the_limit_is_refused_by_name(planner, body):
    """The machine does not feel it; the message says which setting bounds it."""
    async with running(planner):
        planned = await planner.plan(functions(client_settings=body))

    assert f"need more than {QUICK.memory_bytes_max} bytes of memory" in planned.failure.message
    assert "MemoryError" in planned.failure.traceback


async def test_the_combiners_own_limit_counts_where_it_is_smaller(planner):
    """A session cannot ask for more time than the site gives."""
    planner.begin(Bounds(seconds_max=0.5))
    async with running(planner):
        planned = await planner.plan(functions(client_settings="while True: pass"))

    assert "took longer than 0.5 seconds" in planned.failure.message


async def test_what_a_step_leaves_running_ends_with_it(planner, tmp_path):
    """A child of the child dies with the group."""
    pid = tmp_path / "pid"
    source = functions(
        client_settings=f"""
            child = os.fork()
            if not child:
                time.sleep(600)
            open({str(pid)!r}, 'w').write(str(child))
            return {{}}
        """
    )
    async with running(planner):
        await planner.plan(source)

    assert is_gone(int(pid.read_text()))


def is_gone(pid):
    try:
        return bool(select.select([os.pidfd_open(pid)], [], [], 10)[0])
    except ProcessLookupError:
        return True


async def test_a_fork_bomb_ends_with_its_time(planner):
    """The whole group of processes ends with the run."""
    bomb = "for _ in range(6): os.fork()\ntime.sleep(600)"
    async with running(planner):
        planned = await planner.plan(functions(client_settings=bomb), seconds_max=1.0)

    assert "took longer than 1 seconds" in planned.failure.message


async def test_they_see_no_setting_of_the_combiner(planner, monkeypatch):
    """The environment of a run holds no token and no password of fednet."""
    monkeypatch.setenv("FEDNET_TOKEN", "secret")
    source = functions(client_settings="return {'names': sorted(os.environ)}")
    async with running(planner):
        planned = await planner.plan(source)

    assert "PATH" in planned.settings_json
    assert "FEDNET" not in planned.settings_json


async def test_they_inherit_nothing_and_share_their_folder_with_nobody(planner):
    """A run inherits no descriptor of the combiner, also none that others have made inheritable."""
    source = functions(
        client_settings="""
            open_ones = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')
                         if os.path.exists(f'/proc/self/fd/{fd}')]
            return {'open': open_ones, 'folder': os.getcwd(), 'mode': os.stat('.').st_mode & 0o777}
        """
    )
    with tempfile.TemporaryFile(dir=planner.folder) as file:
        os.set_inheritable(file.fileno(), True)
        async with running(planner):
            planned = await planner.plan(source)

    seen = json.loads(planned.settings_json)
    assert seen["mode"] == 0o700
    assert not [name for name in seen["open"] if name.startswith("socket:") or "deleted" in name]
    assert len([name for name in seen["open"] if name.startswith("pipe:")]) <= 3


async def test_closing_ends_what_runs(planner, tmp_path):
    """A combiner that stops does not wait for other people's code."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    body = f"open({str(pipe)!r}, 'w').close()\nwhile True: pass"
    endless = asyncio.ensure_future(planner.plan(functions(client_settings=body)))
    await asyncio.to_thread(pipe.read_text)  # it runs

    await planner.close()

    assert (await endless).HasField("failure")


async def test_a_request_that_makes_no_sense_is_refused(planner):
    """The request is refused before anything runs."""
    good = functions(client_settings="return {}")
    gone = common_pb2.BlobRef(kind=common_pb2.BlobRef.STATE, id=str(uuid.uuid4()), digest="0" * 64)
    async with running(planner):
        for changes in (
            {"phase_id": "../x"},
            {"seconds_max": 0.0},
            {"obsolete": ["../x"]},
            {"state": planner.model},
        ):
            with pytest.raises(InvalidInput):
                await planner.plan(good, **changes)
        with pytest.raises(InvalidInput, match="not valid Python"):
            await planner.plan("(")
        with pytest.raises(NotFound):
            await planner.plan(good, state=gone)


KILLED = """
import uuid
from pathlib import Path
from fednet.combiner.engine.function_processes import Bounds, FunctionProcesses
from fednet.combiner.engine.blobs import LocalBlobs
from fednet.combiner.engine.checked_blobs import CheckedBlobs
from fednet.combiner.engine.spool import Spool
from fednet.storage import open_blobs
from fednet.combiner.machine.orders import FunctionsOrder
from fednet.combiner.machine.values import Blob, BlobKind, PhaseContext
from fednet.digests import Digest
folder = Path({folder!r})
store = open_blobs({store!r})
spool = Spool(folder / "spool")
processes = FunctionProcesses(LocalBlobs(CheckedBlobs(store), spool), spool, Bounds())
about = PhaseContext(str(uuid.uuid4()), "session")
asked = FunctionsOrder(about, {source!r}, 600, "numpyhelper")
model = Blob(BlobKind.MODEL, {model.id!r}, Digest.read({model.digest!r}, {model.size_bytes}))
processes.run(asked, print, model, None, clients=["a"])
"""


def test_kill_9_of_the_combiner_ends_the_child(tmp_path, put_model):
    """The child ends within moments, though nobody is left to tell it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    source = functions(
        client_settings=f"open({str(pipe)!r}, 'w').write(str(os.getpid()))\nwhile True: pass"
    )
    script = KILLED.format(
        folder=str(tmp_path), store=f"file://{tmp_path / 'blobs'}", source=source,
        model=put_model(),
    )  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", script]) as combiner:
        child = int(pipe.read_text())
        combiner.send_signal(signal.SIGKILL)
        combiner.wait()

        assert is_gone(child)


# Aggregating

MEAN = functions(
    aggregate="""
        total = sum(said['num_examples'] for _, said in client_updates.values())
        print(list(client_updates), [said for _, said in client_updates.values()])
        return [
            sum(arrays[place] * said['num_examples'] for arrays, said in client_updates.values())
            / total
            for place in range(len(previous_global))
        ]
    """
)


async def reduction_of(combiner, phase_of, says, source, rows, *others, **changes):
    """Run a phase that keeps its updates over combiners, and the reduction of them."""
    combiners = [combiner, *others]
    base = {"keep_updates": True, "share_partial": bool(others)}
    model = None
    reduction = rounds_pb2.Reduction(model_id=str(uuid.uuid4()), helper="numpyhelper", **changes)
    reduction.functions.source, reduction.functions.helper = source, "numpyhelper"
    reduction.functions.seconds_max = SECONDS
    reduction.functions.about.phase_id = str(uuid.uuid4())
    for place, each in enumerate(combiners):
        mine = dict(list(rows.items())[place :: len(combiners)])
        phase = phase_of(*mine, **base, **({"model": model} if model else {}))
        model = phase.model
        await each.restart()
        await each.start(phase)
        for client, values in mine.items():
            each.upload(phase, client, *values)
            metadata = json.dumps({"from": client, "client_id": "forged"})
            each.result(client, says.update(phase, client, len(client) * 2.0, metadata))
        await each.until("phase_closed")
        reduction.partials.add(
            phase_id=phase.phase_id,
            combiner=each.name,
            updates=len(mine),
            weight=1,
            digest=each.partial_of(phase),
        )
    reduction.base.CopyFrom(model)
    return reduction


ROWS = {"a": (1, 2, 3), "bb": (4, 5, 6), "ccc": (7, 8, 10), "dddd": (0, 0, 1)}


def model_of(store, reduced, folder):
    path = folder / "reduced.npz"
    path.write_bytes(b"".join(store.read(f"models/{reduced.model.id}")))
    return load_parameters(path)


@pytest.mark.parametrize("names", [[], ["combiner-2", "combiner-3"]])
async def test_aggregate_makes_the_model_of_all_updates(
    combiner, another_combiner, phase_of, says, store, tmp_path, names
):
    """One combiner and three give NumPy's model in float32, with each client's own metadata."""
    others = [another_combiner(name) for name in names]
    reduction = await reduction_of(combiner, phase_of, says, MEAN, ROWS, *others)

    reduced = await combiner.reduce(reduction)

    rows = np.array(list(ROWS.values()), np.float64)
    expected = np.average(rows, axis=0, weights=[2, 4, 6, 8])
    [made] = model_of(store, reduced, tmp_path)
    np.testing.assert_allclose(made, expected, rtol=1e-6)
    assert made.dtype == np.float32
    told = [event.log.text for event in combiner.kept() if event.log.text]
    assert "['a', 'bb', 'ccc', 'dddd'] [{'from': 'a', 'num_examples': 2.0}" in told[-1]
    for each in (combiner, *others):
        await each.close()


async def test_a_repeated_aggregation_repeats_its_model_and_state(combiner, phase_of, says):
    """A request made twice at once, and one to another process, give the same."""
    source = functions(
        __init__="self.rounds = 0",
        aggregate="""
            self.rounds += 1
            return [array + random.random() for array in previous_global]
        """,
    )
    reduction = await reduction_of(combiner, phase_of, says, source, ROWS)

    first, second = await asyncio.gather(*[combiner.reduce(reduction) for _ in "12"])
    await combiner.close()
    await combiner.restart()
    third = await combiner.reduce(reduction)

    assert (first.model, first.state) == (second.model, second.state)
    assert (first.model, first.state) == (third.model, third.state)
    assert first.state.id == reduction.model_id
    await combiner.close()


NO_MODELS = {
    "return None": "aggregate returned NoneType",
    "return previous_global[0]": "aggregate returned ndarray",
    "return []": "not return a model",
    "return [np.array(['x'])]": "not return a model",
    "return [[1, [2]]]": "aggregate did not return a model. setting an array element",
    "return [np.zeros(2)]": "has shape (2,), but in the global model (3,)",
    "return [np.zeros(3), np.zeros(3)]": "2 arrays",
    "return [np.full(3, np.nan)]": "NaN",
    "return [np.full(3, np.inf)]": "NaN or infinite",
    "return [np.ones((3,)) / previous_global[0]]": "NaN or infinite",
    "previous_global[0] += 1; return previous_global": "read-only",
    "raise RuntimeError('no')": "RuntimeError: no",
}


@pytest.mark.parametrize("body", NO_MODELS)
async def test_what_is_no_model_of_the_session_is_refused(combiner, phase_of, says, store, body):
    """The failure says what is wrong, and nothing is stored."""
    source = functions(__init__="self.x = 1", aggregate=body)
    reduction = await reduction_of(combiner, phase_of, says, source, ROWS)

    reduced = await combiner.reduce(reduction)

    assert NO_MODELS[body] in f"{reduced.failure.message} {reduced.failure.traceback}"
    assert not reduced.HasField("model")
    assert set(store.list("")) == {f"models/{reduction.base.id}"}
    await combiner.close()


async def test_any_dtype_becomes_that_of_the_global_model(
    combiner, phase_of, says, store, put_model, tmp_path
):
    """Integers are rounded; a number beyond the range becomes its end."""
    source = functions(aggregate="return [np.full(3, 1e300), [1.6, 2.5, -1e30]]")
    model = put_model(np.zeros(3, np.float32), np.zeros(3, np.int8))
    phase = phase_of("a", keep_updates=True, model=model)
    await combiner.restart()
    await combiner.start(phase)
    place = combiner.upload_place("a", task_id_of(phase.phase_id, "a"))
    update = [np.zeros(3, np.float32), np.zeros(3, np.int8)]
    combiner.engine.uploads.arrived(place, write_model(place.path, update))
    combiner.result("a", says.update(phase, "a"))
    await combiner.until("phase_closed")
    reduction = rounds_pb2.Reduction(model_id=str(uuid.uuid4()), base=model, helper="numpyhelper")
    reduction.functions.helper = "numpyhelper"
    reduction.functions.source, reduction.functions.seconds_max = source, SECONDS
    reduction.functions.about.phase_id = phase.phase_id
    reduction.partials.add(phase_id=phase.phase_id, combiner=combiner.name, updates=1, weight=1)

    reduced = await combiner.reduce(reduction)

    floats, integers = model_of(store, reduced, tmp_path)
    assert floats.tolist() == [np.finfo(np.float32).max] * 3
    assert integers.tolist() == [2, 2, -128]
    await combiner.close()

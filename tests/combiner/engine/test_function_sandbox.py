"""Server functions that attack their combiner: they run in the same box as packages."""

import json
import socket
import textwrap
import uuid
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from fednet import limits
from fednet.combiner.engine.function_processes import Bounds
from fednet.storage import open_blobs
from fednet.wire import rounds_pb2

MEMORY = 256 * limits.MIB


@pytest.fixture
def store(tmp_path):
    opened = open_blobs(f"file://{tmp_path / 'blobs'}")
    yield opened
    opened.close()


@pytest.fixture
def plan(another_combiner, put_model):
    """Return a function that lets a class with this `client_settings` plan a round in a kind of sandbox."""

    async def plan(kind, body):
        combiner = another_combiner("c")
        combiner.options["bounds"] = Bounds(60.0, MEMORY, sandbox=kind, hidden=(combiner.folder,))
        combiner.begin()
        method = textwrap.indent(textwrap.dedent(body), " " * 8)
        source = (
            f"class Mine(ServerFunctionsBase):\n    def client_settings(self, model):\n{method}"
        )
        asked = rounds_pb2.ServerFunctions(
            about={"phase_id": str(uuid.uuid4()), "session_id": "s", "round_number": 1},
            source=source,
            helper="numpyhelper",
            seconds_max=60.0,
        )
        model = put_model(np.array([1, 2, 3], np.float32))
        try:
            return await combiner.plan(rounds_pb2.PlanRequest(functions=asked, model=model))
        finally:
            await combiner.close()

    return plan


async def test_they_see_neither_secrets_nor_the_network(plan, bwrap, tmp_path, monkeypatch):
    """No file of the combiner, no variable of its environment, no server on its machine."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    secret = tmp_path / "credentials"
    secret.write_text("hush-hush")
    with socket.create_server(("127.0.0.1", 0)) as server:
        planned = await plan(
            bwrap,
            f"""
            import socket
            def tried(act):
                try:
                    return str(act())
                except Exception as error:
                    return type(error).__name__
            return {{
                'sum': float(model[0].sum()),
                'file': tried(lambda: open({str(secret)!r}).read()),
                'socket': tried(lambda: socket.create_connection(('127.0.0.1', {server.getsockname()[1]}), 5)),
                'environment': str(dict(os.environ)),
            }}
            """,
        )

    seen = json.loads(planned.settings_json)
    assert "hush-hush" not in planned.settings_json
    assert (seen["sum"], seen["file"], seen["socket"]) == (
        6,
        "FileNotFoundError",
        "ConnectionRefusedError",
    )


async def test_the_memory_of_their_children_counts(plan, kind):
    """Four children, each within the limit."""
    planned = await plan(
        kind,
        """
        import signal
        for _ in range(4):
            if not os.fork():
                held = b'x' * (90 << 20)
                signal.pause()
        signal.pause()
        """,
    )

    assert f"with all their processes need more than {MEMORY} bytes" in planned.failure.message


async def test_shared_memory_counts(plan, kind):
    """A mapping that two processes share is no way around the limit."""
    planned = await plan(
        kind,
        """
        import mmap, signal
        held = mmap.mmap(-1, 700 << 20)
        for _ in range(7):
            held.write(b'x' * (100 << 20))
        signal.pause()
        """,
    )

    assert f"need more than {MEMORY} bytes" in planned.failure.message


async def test_files_without_end_are_refused_by_number(plan, kind, monkeypatch):
    """The limits of tasks hold for them as well."""
    monkeypatch.setattr(limits, "task_files_max", 40)

    planned = await plan(
        kind,
        """
        import signal
        for number in range(41):
            open(f'file-{number}', 'x').close()
        signal.pause()
        """,
    )

    assert (
        planned.failure.message == "The server functions used more than 40 files and were stopped."
    )


async def test_no_child_survives_them(plan, kind):
    """Also one that leads a session of its own, and that its parent has left."""
    planned = await plan(
        kind,
        """
        begun, begin = os.pipe()
        lives, live = os.pipe()
        if not os.fork():
            os.setsid()
            if not os.fork():
                os.setsid()
                os.write(begin, str(os.stat(f'/proc/self/fd/{live}').st_ino).encode())
                __import__('signal').pause()
            os._exit(0)
        return {'pipe': int(os.read(begun, 100))}
        """,
    )

    assert not holders_of(f"pipe:[{json.loads(planned.settings_json)['pipe']}]")


def holders_of(name):
    """Return the descriptors of this machine's processes that are a pipe."""
    found = []
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            found += [each for each in folder.iterdir() if str(each.readlink()) == name]
    return found


async def test_an_answer_that_is_a_link_is_none(plan, kind, tmp_path):
    """The combiner reads no file through a link of the functions."""
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"settings": {"secret": "hush-hush"}}))

    planned = await plan(kind, f"os.symlink({str(secret)!r}, 'answer.json')\nos._exit(0)")

    assert "hush-hush" not in str(planned)
    assert "ended before it answered" in planned.failure.message

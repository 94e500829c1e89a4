"""A new option of a session is one field of the declaration: everything else follows, in a copy of the repository."""

import filecmp
import json
import shutil
import subprocess
import sys

import pytest

NEW = '''
    patience: Annotated[int, Field(ge=1, le=9), OptionTraits(is_for_clients=True)] = 3
    """The number of naps."""
'''
BEFORE = "\n    def for_clients(self)"
PROBE = """
import inspect, json
from click.testing import CliRunner
from fednet import APIClient
from fednet.cli import main
from fednet.contract import SessionOptions
from fednet.controller.api import sessions
from fednet.controller.sessions.machine.state import BlobRef, Kind, Session

session = Session(
    "s", "document", Kind.TRAINING, SessionOptions(patience=5), "numpyhelper", BlobRef("m", 1, "0")
)
state = session.to_dict()
older = {**state, "options": {**state["options"]}}
del older["options"]["patience"]
print(json.dumps({
    "rest": sessions.start.__annotations__["body"].model_json_schema()["properties"]["patience"],
    "help": CliRunner().invoke(main, ["session", "start", "--help"]).output,
    "client": inspect.signature(APIClient.start_session).parameters["patience"].default,
    "docstring": APIClient.start_session.__doc__,
    "stored": state["options"]["patience"],
    "read": Session.from_dict(state).options.patience,
    "read of an older state": Session.from_dict(older).options.patience,
    "for clients": session.options.for_clients(),
}))
"""
GENERATED = {"docs/cli.md", "docs/sessions.md", "fednet/api_starter.py"}


@pytest.fixture
def copied(repository, tmp_path):
    """Give a copy of the product, its generators and its pages, in the form in which it is installed."""
    leave_out = shutil.ignore_patterns("__pycache__", "*.pyc")
    for room in ("fednet", "docs", "tools"):
        shutil.copytree(repository / room, tmp_path / room, ignore=leave_out)
    for component in ("client", "combiner", "controller"):
        shutil.copytree(repository / component, tmp_path / "fednet" / component, ignore=leave_out)
    return tmp_path


def run(folder, *arguments):
    """Run Python with the copy in front of everything installed."""
    command = [sys.executable, *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        check=True,
        capture_output=True,
        text=True,
    )


def changed(repository, folder):
    """Return the files of the copy that are no longer as in the repository."""
    rooms = {"docs": "docs", "fednet": "fednet", "tools": "tools"}
    rooms |= {f"fednet/{each}": each for each in ("client", "combiner", "controller")}
    pairs = {
        path.relative_to(repository): folder / copy / path.relative_to(repository / room)
        for copy, room in rooms.items()
        for path in (repository / room).rglob("*.*")
        if path.suffix in {".md", ".py"}
    }
    return {
        str(path) for path, copy in pairs.items()
        if not filecmp.cmp(repository / path, copy, shallow=False)
    }  # fmt: skip


def test_a_new_option_is_one_field_and_what_is_generated_from_it(repository, copied):
    """REST, the command line, APIClient, the documentation, the state and the settings of clients have it at once."""
    declaration = copied / "fednet" / "contract" / "_session_options.py"
    text = declaration.read_text()
    assert text.count(BEFORE) == 1
    declaration.write_text(text.replace(BEFORE, NEW + BEFORE))

    run(copied, "tools/generate.py")
    found = json.loads(run(copied, "-c", PROBE).stdout)

    assert changed(repository, copied) == {"fednet/contract/_session_options.py", *GENERATED}
    assert (found["rest"]["minimum"], found["rest"]["maximum"]) == (1, 9)
    assert "--patience INTEGER" in found["help"]
    assert found["client"] == 3
    assert "patience: The number of naps." in found["docstring"]
    assert (found["stored"], found["read"], found["read of an older state"]) == (5, 5, 3)
    assert found["for clients"] == {"rounds": 5, "patience": 5}
    assert (
        "| `patience` | whole number | `3` | at least 1, at most 9 | The number of naps. |"
        in (copied / "docs" / "sessions.md").read_text()
    )

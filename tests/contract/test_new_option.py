"""A new option of a session is one field of the declaration: everything else follows, in a copy of the repository."""

import json

NEW = '''
    patience: Annotated[int, Field(ge=1, le=9), OptionTraits(is_for_clients=True)] = 3
    """The number of naps."""
'''
BEFORE = "\n    def for_clients(self)"
PROBE = """
import inspect, json
from click.testing import CliRunner
from fednet.digests import Digest
from fednet import APIClient
from fednet.cli import main
from fednet.contract import SessionOptions
from fednet.controller.api import sessions
from fednet.controller.sessions.machine.state import BlobRef, Kind, Session

session = Session(
    "s", "document", Kind.TRAINING, SessionOptions(patience=5), "numpyhelper", BlobRef("m", Digest.read("0" * 64, 1))
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


def test_a_new_option_is_one_field_and_what_is_generated_from_it(product):
    """REST, the command line, APIClient, the documentation, the state and the settings of clients have it at once."""
    product.insert("fednet/contract/_session_options.py", BEFORE, NEW)

    product.run("tools/generate.py")
    found = json.loads(product.run("-c", PROBE))

    assert product.changed() == {"fednet/contract/_session_options.py", *GENERATED}
    assert (found["rest"]["minimum"], found["rest"]["maximum"]) == (1, 9)
    assert "--patience INTEGER" in found["help"]
    assert found["client"] == 3
    assert "patience: The number of naps." in found["docstring"]
    assert (found["stored"], found["read"], found["read of an older state"]) == (5, 5, 3)
    assert found["for clients"] == {"rounds": 5, "patience": 5}
    page = (product.folder / "docs" / "sessions.md").read_text()
    assert (
        "| `patience` | whole number | `3` | at least 1, at most 9 | The number of naps. |" in page
    )

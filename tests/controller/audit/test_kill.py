"""`kill -9` in the middle of a change."""

import signal
import subprocess
import sys
from contextlib import closing

from fednet.audit import verified_audit
from fednet.controller.audit.blocks import AuditBlocks
from fednet.controller.records import COLLECTIONS
from fednet.settings import ControllerSettings
from fednet.storage import open_documents

KILLED_IN_A_COMMAND = """
import os, pathlib, signal, sys
from fednet.controller.catalog import Catalog
from fednet.controller.server import Controller
from fednet.http import Http
from fednet.settings import ControllerSettings

def choose(*_):
    os.kill(os.getpid(), signal.SIGKILL)

Catalog.choose_helper = choose
controller = Controller.start(ControllerSettings(data_dir=pathlib.Path(sys.argv[1]), port=0))
http = Http(controller.api_url, controller.token)
http.call("PUT", "/api/v1/helpers/active", body={"helper": "numpyhelper"})
"""


def test_a_controller_that_is_killed_in_a_command_has_left_its_beginning(tmp_path):
    """The entry is in the store before the command runs; the next controller goes on with the chain."""
    killed = subprocess.run(
        [sys.executable, "-P", "-c", KILLED_IN_A_COMMAND, str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    url = ControllerSettings(data_dir=tmp_path).state_store_url
    with closing(open_documents(url, COLLECTIONS)) as documents:
        blocks = AuditBlocks(documents)
        entries, _ = blocks.after(0, blocks.head())
    assert [(each["what"], each["outcome"]) for each in entries] == [("models:write", "begun")]
    assert verified_audit(entries).head.number == 1

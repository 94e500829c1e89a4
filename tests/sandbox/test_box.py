"""The environment of code in a box."""

import os
import sys
import sysconfig
from pathlib import Path

from fednet.sandbox import Box, Sandbox


def test_python_runs_no_code_from_the_home_of_a_box(tmp_path):
    """A task may write its home, and the next one would run what it has left there."""
    base = {"userbase": f"{tmp_path}/.local"}
    user_site = Path(sysconfig.get_path("purelib", f"{os.name}_user", base))
    user_site.mkdir(parents=True)
    (user_site / "usercustomize.py").write_text("print('harm')")
    sandbox, box = Sandbox("process"), Box((tmp_path,), tmp_path)
    python = sys._base_executable  # the Python of a virtual environment has no such folder anyway

    process = sandbox.start(
        [python, "-c", "print('done')"], box, tmp_path, sandbox.environment(box)
    )
    with process.process:
        output = process.process.stdout.read().decode()
        process.end()

    assert output == "done\n"

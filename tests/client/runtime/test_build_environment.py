"""The build of an environment beside requirements that are hostile when they are installed."""

import json
import os
import subprocess
import sys

import pytest

from fednet.client.runtime import build_environment

INSTALLER = """#!/bin/sh
case $1 in
  venv) for last; do :; done; mkdir "$last/bin"; touch "$last/bin/python";;
  pip) cd "$(dirname "$4")/.." && {harm};;
esac
"""
HARM = {
    "a link in place of the scratch file": "ln -s {victim} ready.tmp",
    "a link in place of the mark": "ln -s {victim} ready",
    "a pipe in place of the mark": "mkfifo ready",
    "a hard link in place of the scratch file": "ln {victim} ready.tmp",
}


@pytest.fixture
def build(tmp_path):
    """Return a function that builds an environment with requirements that do harm; it returns its folder."""

    def build(harm, name="key", environments_max=9):
        installer = tmp_path / "installer"
        installer.write_text(INSTALLER.replace("{harm}", harm))
        installer.chmod(0o755)
        order = {
            "uv": str(installer),
            "box": [],
            "requirements": [["hostile"]],
            "environments_max": environments_max,
        }
        environment = tmp_path / "environments" / name
        command = [sys.executable, "-P", build_environment.__file__, environment, json.dumps(order)]
        subprocess.run(command, check=True, timeout=60)
        return environment

    return build


@pytest.mark.parametrize("harm", HARM)
def test_a_requirement_makes_the_build_write_no_other_file(build, tmp_path, harm):
    """The build has the rights of the agent, which the box of the installation has not."""
    victim = tmp_path / "victim"
    victim.write_text("precious")

    environment = build(HARM[harm].format(victim=victim))

    assert victim.read_text() == "precious"
    assert build_environment.is_complete(environment)


@pytest.mark.usefixtures("ordinary_user")
def test_folders_that_a_requirement_has_closed_are_deleted(build):
    """Of an environment that is built anew, and of one that makes room."""
    close = "mkdir -p closed/x; chmod 555 closed"
    first = build(close, "first")
    (first / "ready").unlink()
    build(close, "first")
    build("true", "second", environments_max=1)

    assert not first.exists()


@pytest.mark.parametrize("place", ["ln -s {victim} ready", "mkfifo ready", "mkdir ready"])
def test_a_mark_that_is_no_file_is_none(build, tmp_path, place):
    """Such an environment is built again or deleted; no build waits for the other end of a pipe."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    os.utime(victim, (1, 1))
    spoil = ["sh", "-c", f"rm ready; {place.format(victim=victim)}"]

    subprocess.run(spoil, cwd=build("true", "first"), check=True)
    first = build("true", "first")
    is_complete = build_environment.is_complete(first)
    subprocess.run(spoil, cwd=first, check=True)
    build("true", "second", environments_max=1)

    assert is_complete
    assert not first.exists()
    assert victim.stat().st_mtime == 1

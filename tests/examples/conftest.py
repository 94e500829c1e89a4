"""Follows the README of an example as a new user would: top to bottom, in a clean folder, with real processes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import venv
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS_MAX = 240
NOT_CLONED = (".*", "__pycache__", "*.egg-info", "build", "dist")
ADDRESS = "http://127.0.0.1:8092"


class Reader:
    """A new user with a clone of the repository and a virtual environment.

    Args:
        repository: The repository.
        example: The name of the example.
        home: A folder of the user's own.
    """

    def __init__(self, repository, example, home):
        self.home = home
        shutil.copytree(repository, home / "clone", ignore=shutil.ignore_patterns(*NOT_CLONED))
        self.folder = home / "clone" / "examples" / example
        self.environment = environment_in(home / "venv")
        self.blocks = BLOCK.findall((self.folder / "README.md").read_text(encoding="utf-8"))
        self.address = ADDRESS
        self._terminals = ExitStack()

    def follow(self):
        """Do what the README says; what each of its blocks printed.

        What does not end by itself runs on in a terminal of its own, as soon as it says that it is ready.
        """
        with self._terminals:
            return [self._do(block) for block in self.blocks]

    def _do(self, block):
        if block.startswith("fednet up"):
            printed = self._open_terminal(block, "Ctrl-C stops it", 1)
            self.address = re.search(r"^REST API +(\S+)", printed, re.MULTILINE)[1]
            return printed
        if block.endswith("wait\n"):
            clients = re.search(r"^for n in ([\d ]+);", block, re.MULTILINE)[1].split()
            return self._open_terminal(block, "ready: ", len(clients))
        process = self._start(block)
        printed, _ = process.communicate(timeout=SECONDS_MAX)
        assert process.returncode == 0, f"{block}\n{printed}"
        return printed

    def _open_terminal(self, block, words, count):
        """Start a block and read what it says until the words have come so often."""
        process = self._start(block)
        printed = ""
        while printed.count(words) < count:
            line = process.stdout.readline()
            assert line, f"{block}\nhas ended:\n{printed}"
            printed += line
        return printed

    def _start(self, block):
        process = subprocess.Popen(
            self._command(block), **self._place(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._terminals.callback(end, process)
        return process

    def _command(self, block):
        """The block to the letter, but for the ports: others may use these on the same machine."""
        block = re.sub(
            r"^fednet up$", r"\g<0> --port 0 --combiner-port 0", block, flags=re.MULTILINE
        )
        return ["bash", "-e", "-o", "pipefail", "-c", block.replace(ADDRESS, self.address)]

    def _place(self):
        """The example's folder, an account of the user's own, and the programs of the user's environment.

        pip installs from the clone. Everything else has to be in the environment of the tests: pip looks nowhere else.
        """
        folders = [self.environment / "bin", Path(sys.executable).parent, os.environ["PATH"]]
        own = {"HOME": self.home, "TMPDIR": self.home, "PATH": os.pathsep.join(map(str, folders))}
        own |= {
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",
        }  # 0: pip takes it for "no isolation"
        own |= {f"XDG_{name}_HOME": self.home / name for name in ("DATA", "CONFIG", "CACHE")}
        kept = {name: os.environ[name] for name in os.environ if not name.startswith("FEDNET_")}
        return {"cwd": self.folder, "env": {**kept, **own}, "text": True}


def environment_in(folder):
    """Return a new virtual environment that borrows the packages of this one, but for fednet."""
    venv.create(folder, with_pip=False)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    pip = folder / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m pip "$@"\n')
    pip.chmod(0o755)
    return folder


def end(process):
    """Close a terminal: all that still runs in it ends."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=SECONDS_MAX)


@pytest.fixture(scope="module")
def printed(request, repository, tmp_path_factory):
    """What the blocks of the README of this folder's example print, in their order."""
    example = request.path.parent.name
    return Reader(repository, example, tmp_path_factory.mktemp("home")).follow()

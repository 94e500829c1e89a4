"""A site whose package tries to do harm."""

import numpy as np
import pytest

from fednet.client.runtime import package_runtime
from fednet.packages import Manifest
from fednet.parameters import write_model
from fednet.processes import GroupLimits
from fednet.sandbox import Sandbox

PROGRAM = """
import ctypes, json, mmap, os, signal, socket, subprocess, sys, time
def tried(act):
    try:
        return str(act())
    except Exception as error:
        return type(error).__name__
def read(path):
    return open(path, "rb").read().decode(errors="replace")
def answer(**found):
    open(sys.argv[2], "w").write(json.dumps(found))
"""


class Site:
    """The folders of a site: a client with its credentials, the data of two clients, and a package.

    Attributes:
        secret: The file of the client's credentials.
        data: The client's data folder, with a file `x`.
        neighbour: Another client's data.
    """

    def __init__(self, folder):
        self.folder = folder / "site"
        self.client = self.folder / "client" / "a"
        self.package = self.client / "packages" / "p" / "unpacked"
        self.secret = self.folder / "client" / "credentials-a.json"
        self.data, self.neighbour = self.folder / "data", self.folder / "neighbour"
        for each in (self.package, self.data, self.neighbour, self.client / "models"):
            each.mkdir(parents=True)
        for each in (self.secret, self.data / "x", self.neighbour / "x"):
            each.write_text(f"content of {each.name}")
        self.model = self.client / "models" / "model.npz"
        write_model(self.model, [np.ones(3, np.float32)])
        self._runtimes = []

    def runtime(self, kind, code, *, passed=(), **bounds):
        """Return the runtime of a package whose every task runs this code."""
        (self.package / "attack.py").write_text(PROGRAM + code)
        sandbox = Sandbox(
            kind,
            GroupLimits(**bounds),
            passed,
            self.data,
            (self.client / "models",),
            (self.client.parent,),
        )
        manifest = Manifest(dict.fromkeys(("train", "predict"), "python attack.py"), None, ".")
        made = package_runtime(self.package, manifest, self.client / "work", 60, sandbox=sandbox)
        self._runtimes.append(made)
        return made

    def attack(self, kind, code, **options):
        """Run code as a task of a package; return what it has found out."""
        return self.runtime(kind, code, **options).predict(self.model, {})

    def close(self):
        for each in self._runtimes:
            each.close()


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path)
    yield made
    made.close()

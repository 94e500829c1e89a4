"""The generated code in fednet/wire is what proto/ says, byte for byte."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def regenerated(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files that `make proto` would write, by name."""
    folder = tmp_path_factory.mktemp("wire")
    outputs = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
    protos = sorted(str(path) for path in (repository / "proto/fednet/wire").glob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{repository / 'proto'}"]
    subprocess.run([*command, *outputs, *protos], check=True)
    return {path.name: path.read_bytes() for path in (folder / "fednet/wire").iterdir()}


def test_generated_code_is_current(regenerated: dict[str, bytes]) -> None:
    """Every generated file that is installed equals what proto/ gives; if not, run `make proto`."""
    installed = {name: files("fednet.wire").joinpath(name).read_bytes() for name in regenerated}

    assert installed == regenerated


def test_nothing_else_stands_in_the_wire_package(regenerated: dict[str, bytes]) -> None:
    """fednet/wire holds generated code and its `__init__.py`, nothing that a person wrote."""
    names = {entry.name for entry in files("fednet.wire").iterdir() if entry.is_file()}

    assert names == {"__init__.py", *regenerated}

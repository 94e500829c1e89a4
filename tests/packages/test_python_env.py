"""The Python environment that a package asks for."""

import io
import tarfile

import pytest

from fednet import limits
from fednet.errors import InvalidPackage
from fednet.packages import Manifest, PythonEnv, inspect_package, read_python_env

TRAIN = {"train": "x"}


@pytest.fixture
def read(tmp_path):
    """Reads an unpacked package's python_env with the given content."""

    def read(content):
        folder = tmp_path / "package" / "client"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "env.yaml").write_text(content)
        return read_python_env(tmp_path / "package", Manifest(TRAIN, "env.yaml", "client"))

    return read


def test_fedns_form_is_read(read):
    """Its `python` is taken and ignored, as FEDn does."""
    text = "name: a\npython: '3.9'\nbuild_dependencies: [pip]\ndependencies:\n- numpy==2.0\n- ./x"

    assert read(text) == PythonEnv("a", ("pip",), ("numpy==2.0", "./x"))


def test_everything_in_it_may_be_left_out(read):
    """An environment without requirements is one of its own all the same."""
    assert read("dependencies:") == PythonEnv("python_env", (), ())


def test_a_package_may_name_none(tmp_path):
    """Then it runs in the agent's own."""
    assert read_python_env(tmp_path, Manifest(TRAIN, None, ".")) is None


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[numpy]", "client/env.yaml"),
        ("a: [", "client/env.yaml"),
        ("# " + "x" * limits.text_characters_max, "client/env.yaml"),
        ("dependancies: [numpy]", "dependancies"),
        ("dependencies: numpy", "dependencies"),
        ("dependencies: [3]", "dependencies"),
        ("dependencies: ['']", "dependencies"),
        ('dependencies: ["a\\nb"]', "dependencies"),
        ("build_dependencies: {a: b}", "build_dependencies"),
        ("name: [a]", "name"),
    ],
)
def test_a_wrong_one_is_refused_by_field(read, text, field):
    """The error names the field at fault."""
    with pytest.raises(InvalidPackage) as caught:
        read(text)

    assert caught.value.field == field


def test_a_missing_file_is_refused(tmp_path):
    """The message names it."""
    with pytest.raises(InvalidPackage, match=r"client/env\.yaml"):
        read_python_env(tmp_path, Manifest(TRAIN, "env.yaml", "client"))


def test_a_package_with_a_wrong_one_is_refused_before_it_is_unpacked(tmp_path):
    """Whoever sets it active hears of it, not each client."""
    path = tmp_path / "p.tgz"
    files = {"c/fednet.yaml": "client: m:c\npython_env: env.yaml", "c/env.yaml": "dependencies: 3"}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(text)
            archive.addfile(header, io.BytesIO(text.encode()))

    with pytest.raises(InvalidPackage, match="list of requirements"):
        inspect_package(path)

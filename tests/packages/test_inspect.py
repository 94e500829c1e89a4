"""Reading the manifest of a package."""

import io
import tarfile
import zipfile

import pytest

from fednet.errors import InvalidPackage, NotFound
from fednet.packages import inspect_package, unpack_package

TRAIN = "entry_points: {train: {command: python train.py}}"


def tar_of(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, text in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(text)
            archive.addfile(header, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_tar_files_are_read_by_content(tmp_path, mode):
    """The file's name says nothing."""
    path = tar_of(tmp_path / "package.bin", {"client/fedn.yaml": TRAIN}, mode)

    manifest = inspect_package(path)

    assert manifest.entry_points == {"train": "python train.py"}
    assert manifest.folder == "client"
    assert manifest.python_env is None


def test_zip_files_are_read_by_content(tmp_path):
    """A zip file holds the same package."""
    path = tmp_path / "package.tgz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fednet.yaml", TRAIN)

    assert inspect_package(path).folder == "."


def test_the_shallowest_manifest_counts(tmp_path):
    """What lies deeper belongs to something else."""
    path = tar_of(
        tmp_path / "p.tgz", {"a/b/fednet.yaml": "x: 1", "z/fedn.yaml": TRAIN, "a/c/fedn.yaml": "-"}
    )

    assert inspect_package(path).folder == "z"


def test_our_name_goes_before_the_other(tmp_path):
    """At the same depth fednet.yaml wins."""
    path = tar_of(tmp_path / "p.tgz", {"fedn.yaml": "broken", "fednet.yaml": TRAIN})

    assert inspect_package(path).entry_points == {"train": "python train.py"}


def test_a_misspelt_field_is_refused_in_our_manifest_and_not_in_fedns(tmp_path):
    """Or a package would run without the environment that its author has named."""
    misspelt = f"{TRAIN}\npython_enviroment: env.yaml"

    with pytest.raises(InvalidPackage, match="use python_env, entry_points, client") as refused:
        inspect_package(tar_of(tmp_path / "ours.tgz", {"fednet.yaml": misspelt}))
    assert refused.value.field == "python_enviroment"
    assert inspect_package(tar_of(tmp_path / "fedns.tgz", {"fedn.yaml": misspelt})).tasks == (
        "train",
    )


def test_all_entry_points_and_the_environment_are_read(tmp_path):
    """The manifest in its full form."""
    names = ["build", "startup", "train", "validate", "predict"]
    lines = "".join(f'  {name}: {{command: "python {name}.py"}}\n' for name in names)
    text = f"python_env: python_env.yaml\nentry_points:\n{lines}"
    files = {"fednet.yaml": text, "python_env.yaml": "dependencies: [numpy]"}

    manifest = inspect_package(tar_of(tmp_path / "p.tgz", files))

    assert manifest.entry_points == {name: f"python {name}.py" for name in names}
    assert manifest.python_env == "python_env.yaml"


def test_an_object_can_take_the_place_of_the_entry_points(tmp_path):
    """It trains and validates; commands may still build and start."""
    text = "client: models.digits:Client\nentry_points: {build: {command: b}}"

    manifest = inspect_package(tar_of(tmp_path / "p.tgz", {"fednet.yaml": text}))

    assert manifest.client == "models.digits:Client"
    assert manifest.entry_points == {"build": "b"}


def test_an_object_is_enough(tmp_path):
    """A manifest of one line."""
    path = tar_of(tmp_path / "p.tgz", {"fednet.yaml": "client: model:client"})

    assert inspect_package(path).entry_points == {}


def test_infer_is_the_old_name_of_predict(tmp_path):
    """FEDn's packages up to 0.9 say infer."""
    text = "entry_points: {train: {command: t}, infer: {command: p}}"

    manifest = inspect_package(tar_of(tmp_path / "p.tgz", {"fedn.yaml": text}))

    assert manifest.entry_points == {"train": "t", "predict": "p"}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "fednet.yaml"),
        ("- a list", "fednet.yaml"),
        ("a: [unclosed", "fednet.yaml"),
        ("\x00", "fednet.yaml"),
        ("[" * 30_000, "fednet.yaml"),
        ("python_env: x.yaml", "entry_points"),
        ("entry_points: {}", "entry_points"),
        ("entry_points: [train]", "entry_points"),
        ("entry_points: {build: {command: x}}", "entry_points"),
        ("entry_points: {train: python train.py}", "entry_points.train"),
        ("entry_points: {train: {}}", "entry_points.train.command"),
        ("entry_points: {train: {command: ' '}}", "entry_points.train.command"),
        ("entry_points: {train: {command: [python]}}", "entry_points.train.command"),
        ("entry_points: {trian: {command: x}}", "entry_points.trian"),
        ("entry_points: {[1]: {command: x}}", "fednet.yaml"),
        (f"python_env: 3\n{TRAIN}", "python_env"),
        (f"python_env: ../env.yaml\n{TRAIN}", "python_env"),
        (f"python_env: /etc/env.yaml\n{TRAIN}", "python_env"),
        (f"python_env: missing.yaml\n{TRAIN}", "python_env"),
        ("client: 3", "client"),
        ("client: model", "client"),
        ("client: 'model:Client; evil'", "client"),
        (f"client: model:Client\n{TRAIN}", "client"),
    ],
)
def test_a_wrong_manifest_is_refused_by_field(tmp_path, text, field):
    """The error names the field at fault."""
    path = tar_of(tmp_path / "p.tgz", {"fednet.yaml": text})

    with pytest.raises(InvalidPackage) as caught:
        inspect_package(path)

    assert caught.value.field == field


def test_a_package_without_manifest_is_refused(tmp_path):
    """The message says which file to write."""
    with pytest.raises(InvalidPackage, match=r"no fednet\.yaml or fedn\.yaml"):
        inspect_package(tar_of(tmp_path / "p.tgz", {"train.py": ""}))


def test_a_missing_file_is_not_found(tmp_path):
    """No package is another fault than a bad one."""
    with pytest.raises(NotFound, match=r"missing\.tgz"):
        inspect_package(tmp_path / "missing.tgz")


@pytest.mark.parametrize("name", ["fednet.yml", "fedn.yml"])
def test_the_short_suffix_is_a_manifest_too(tmp_path, name):
    """The long one has precedence at the same depth."""
    alone = tar_of(tmp_path / "a.tgz", {name: TRAIN})
    both = tar_of(
        tmp_path / "b.tgz", {name: TRAIN, "fednet.yaml": TRAIN.replace("train.py", "other.py")}
    )

    assert inspect_package(alone).entry_points == {"train": "python train.py"}
    assert inspect_package(both).entry_points == {"train": "python other.py"}


@pytest.mark.parametrize(
    "command",
    [
        '"python train.py\\r"',
        '"python train.py\\r\\n"',
        "|\r\n      python train.py\r\n",
        "|\n      python train.py\n\n",
        ">\n      python\n      train.py\n",
    ],
)
def test_a_command_has_no_end_of_line(tmp_path, command):
    """Behind it the arguments would be a command of their own."""
    text = f"entry_points:\r\n  train:\r\n    command: {command}\r\n"

    manifest = inspect_package(tar_of(tmp_path / "p.tgz", {"fednet.yaml": text}))

    assert manifest.entry_points == {"train": "python train.py"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train.sh", "echo a\r\necho b\r\n"),
        ("lib/tool.BASH", "#!/bin/bash\r\necho a\r\n"),
        ("start", "#!/usr/bin/env python3\r\nprint()\r\n"),
    ],
)
def test_a_script_with_line_endings_of_windows_is_named(tmp_path, name, text):
    """A shell would say that a command is not found."""
    package = tar_of(tmp_path / "p.tgz", {"fednet.yaml": TRAIN, name: text})

    with pytest.raises(InvalidPackage, match=f"{name} has line endings of Windows"):
        inspect_package(package)


def test_other_files_may_have_line_endings_of_windows(tmp_path):
    """Python, YAML and texts are read with any."""
    files = {"fednet.yaml": f"{TRAIN}\r\n", "train.py": "#!/usr/bin/python\r\n", "notes": "a\r\n"}

    assert inspect_package(tar_of(tmp_path / "p.tgz", files)).entry_points


def zip_of(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            header = zipfile.ZipInfo("placeholder")
            header.filename = name
            archive.writestr(header, text)
    return path


def test_a_zip_file_with_backslashes_is_read(tmp_path):
    """Some programs on Windows write them between folders."""
    files = {"client\\": "", "client\\fednet.yaml": TRAIN, "client\\lib\\tool.py": "x"}
    path = zip_of(tmp_path / "p.zip", files)

    manifest = unpack_package(path, tmp_path / "out")

    assert manifest.folder == "client"
    assert (tmp_path / "out" / "client" / "lib" / "tool.py").read_text() == "x"


def test_backslashes_lead_to_no_place_outside(tmp_path):
    """They are separators, so the rules of paths hold for them."""
    path = zip_of(tmp_path / "p.zip", {"fednet.yaml": TRAIN, "..\\..\\x": "x"})

    with pytest.raises(InvalidPackage, match="stay inside"):
        inspect_package(path)


def test_a_tar_file_with_backslashes_is_named(tmp_path):
    """In a tar file they may belong to a name."""
    path = tar_of(tmp_path / "p.tgz", {"client\\fednet.yaml": TRAIN})

    with pytest.raises(InvalidPackage, match="backslashes"):
        inspect_package(path)

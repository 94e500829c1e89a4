"""`fednet package`."""

import json

import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.digests import Algorithm, digest_of_file
from fednet.identity import read_trusted_keys
from fednet.packages import read_contents, signers_of


def test_create_packs_a_folder(tmp_path):
    """The command writes the file and says its digest."""
    folder = tmp_path / "client"
    folder.mkdir()
    (folder / "fednet.yaml").write_text("entry_points:\n  train:\n    command: python train.py\n")
    target = tmp_path / "package.tgz"

    result = CliRunner().invoke(
        main, ["package", "create", "--path", str(folder), "--name", str(target), "--json"]
    )

    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["path"] == str(target)
    assert answer["size_bytes"] == target.stat().st_size
    assert len(answer["sha256"]) == 64


@pytest.fixture
def project(tmp_path):
    """A package's folder with data and a secret."""
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "fednet.yaml").write_text("entry_points: {train: {command: python train.py}}\n")
    (folder / "data" / "patients.csv").write_text("x")
    (folder / ".env").write_text("KEY=1")
    return folder


def test_create_lists_the_packed_files_and_the_others(project, tmp_path):
    """A person sees sizes and reasons, a program reads the same as JSON."""
    command = ["package", "create", "-p", str(project), "-n", str(tmp_path / "made.tgz")]

    text = CliRunner().invoke(main, command).stdout
    answer = json.loads(CliRunner().invoke(main, [*command, "--json"]).stdout)

    assert answer["files"] == [{"path": "fednet.yaml", "size_bytes": 50}]
    assert answer["left_out"] == [
        {"path": ".env", "reason": "credentials"},
        {"path": "data/", "reason": "data"},
    ]
    lines = [line.split() for line in text.splitlines()]
    assert ["fednet.yaml", "50"] in lines
    assert ["data/", "data"] in lines
    assert [".env", "credentials"] in lines
    assert "--include PATH" in text


def test_include_packs_a_file_that_is_left_out_else(project, tmp_path):
    """The option may be repeated."""
    flags = ["--include", "data/", "--include", ".env", "--json"]

    result = CliRunner().invoke(
        main, ["package", "create", "-p", str(project), "-n", str(tmp_path / "made.tgz"), *flags]
    )

    files = [each["path"] for each in json.loads(result.stdout)["files"]]
    assert files == [".env", "data/patients.csv", "fednet.yaml"]


def test_a_folder_without_entry_points_is_refused(tmp_path):
    """Nothing is written."""
    target = tmp_path / "package.tgz"

    result = CliRunner().invoke(
        main, ["package", "create", "--path", str(tmp_path), "--name", str(target)]
    )

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert not target.exists()


def run(*words):
    """Run a command that needs no network."""
    return CliRunner().invoke(main, list(map(str, words)))


def test_a_key_signs_a_package(project, tmp_path):
    """The private key is its owner's; the signed package names the key."""
    made, key = tmp_path / "made.tgz", tmp_path / "ada.pem"
    run("package", "create", "-p", project, "-n", made)
    keys = json.loads(run("package", "keygen", "-o", key, "--json").stdout)
    again = run("package", "keygen", "-o", key)
    signed = json.loads(run("package", "sign", made, "--key", key, "--json").stdout)

    assert key.stat().st_mode & 0o777 == 0o600
    assert read_trusted_keys(tmp_path / "ada.pub") == {keys["key"]: "ada.pub"}
    assert again.exit_code != 0
    assert signed["key"] == keys["key"]
    assert signed["sha256"] == digest_of_file(made, Algorithm.SHA256).value
    assert signers_of(read_contents(made)) == {keys["key"]}


def test_a_private_key_is_not_named_as_a_public_one(tmp_path):
    """A usage error, and no file."""
    refused = run("package", "keygen", "-o", tmp_path / "ada.pub")

    assert refused.exit_code == 2
    assert "ada.pem" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_public_key_signs_nothing(project, tmp_path):
    """A usage error that says which key is needed."""
    made = tmp_path / "made.tgz"
    run("package", "create", "-p", project, "-n", made)
    run("package", "keygen", "-o", tmp_path / "ada.pem")
    before = made.read_bytes()

    refused = run("package", "sign", made, "--key", tmp_path / "ada.pub")

    assert refused.exit_code == 2
    assert "private key" in refused.stderr
    assert made.read_bytes() == before


def test_a_package_is_uploaded_and_made_active(fednet, net, archive):
    """Under the file's name, unless it is given another."""
    answer = json.loads(fednet("package", "set-active", archive, "--json").stdout)

    active = net.api.get_active_package()
    assert (active["id"], active["name"]) == (answer["package_id"], "package.tgz")


def test_a_file_that_is_no_package_is_refused(fednet, tmp_path):
    """A usage error, in the server's words."""
    (tmp_path / "package.tgz").write_text("no package")

    assert fednet("package", "set-active", tmp_path / "package.tgz").exit_code == 2


def test_the_active_package_is_downloaded(fednet, archive, tmp_path):
    """Byte by byte what was uploaded."""
    result = fednet("package", "download", "-o", tmp_path / "here.tgz")

    assert result.exit_code == 0, result.output
    assert (tmp_path / "here.tgz").read_bytes() == archive.read_bytes()

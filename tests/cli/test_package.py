"""`fednet package`."""

import json

from click.testing import CliRunner

from fednet.cli import main


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


def test_a_folder_without_entry_points_is_refused(tmp_path):
    """Nothing is written."""
    target = tmp_path / "package.tgz"

    result = CliRunner().invoke(
        main, ["package", "create", "--path", str(tmp_path), "--name", str(target)]
    )

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert not target.exists()


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

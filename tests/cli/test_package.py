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

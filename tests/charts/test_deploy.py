"""The page for operators shows values that the chart takes."""

import re

import helm_python
import pytest
import yaml

SECTION = re.compile(r"^## In Kubernetes$(.*?)^## ", re.DOTALL | re.MULTILINE)
YAML = re.compile(r"^ *```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
SET = re.compile(r"--set (\S+)")


@pytest.fixture(scope="module")
def section(repository):
    return SECTION.search((repository / "docs" / "deploy.md").read_text())[1]


def test_every_set_of_values_on_the_page_renders(section, chart):
    """Also with each --set of the page's commands."""
    blocks = [yaml.safe_load(text) for text in YAML.findall(section)]
    flags = [helm_python.parse_set_string(text) for text in SET.findall(section)]

    assert len(blocks) >= 2
    assert len(flags) >= 3
    for values in [*blocks, *flags]:
        assert chart.render(values).workloads


def test_names_of_objects_on_the_page_are_those_of_the_chart(section, chart):
    """Pods and services of the release trial."""
    trial = yaml.safe_load(YAML.search(section)[1])
    rendering = chart.render(trial, release="trial")
    names = {each["metadata"]["name"] for each in rendering.manifests}
    pods = {name for workload in rendering.workloads for name in workload.pod_names}

    mentioned = set(re.findall(r"trial-fednet-[a-z0-9-]+", section))
    assert mentioned
    assert mentioned <= names | pods


def test_controllers_behind_an_ingress_are_told_who_calls(section):
    """Else failed logins of all callers count as those of one address."""
    blocks = [yaml.safe_load(text) for text in YAML.findall(section)]
    behind = [each for each in blocks if each.get("ingress", {}).get("enabled")]

    assert behind
    assert all(each["controller"]["settings"]["behind_proxy"] is True for each in behind)


def test_the_page_says_how_code_from_afar_runs_in_containers(repository):
    """And refers to it from the part on Kubernetes."""
    page = (repository / "docs" / "deploy.md").read_text()

    assert "## Code from afar in containers" in page
    assert "#code-from-afar-in-containers" in SECTION.search(page)[1]

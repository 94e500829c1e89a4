"""Prometheus finds the metrics of each process, and Grafana the dashboard."""

import json

import pytest


@pytest.fixture
def everything(renderings):
    return renderings["everything"]


def test_each_monitor_finds_a_service_with_its_port(everything):
    """One service for each component: with two, each process would be counted twice."""
    monitors = everything.of_kind("ServiceMonitor")

    assert len(monitors) == 3
    for monitor in monitors:
        wanted = monitor["spec"]["selector"]["matchLabels"]
        found = [
            each
            for each in everything.of_kind("Service")
            if wanted.items() <= each["metadata"]["labels"].items()
            and monitor["spec"]["endpoints"][0]["port"]
            in {port["name"] for port in each["spec"]["ports"]}
        ]
        assert len(found) == 1, (
            monitor["metadata"]["name"],
            [each["metadata"]["name"] for each in found],
        )


def test_the_dashboard_is_that_of_the_repository(everything, chart):
    """With the label by which Grafana's sidecar finds it."""
    (dashboard,) = everything.of_kind("ConfigMap")

    shown = json.loads(dashboard["data"]["fednet.json"])
    assert shown == json.loads((chart.folder / "dashboards" / "fednet.json").read_text())
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_only_scrapers_reach_the_monitoring_port(everything, renderings):
    """And nobody does unless they are named."""
    for component in ("combiner", "client"):
        name = f"trial-fednet-{component}"
        rules = everything.named("NetworkPolicy", name)["spec"]["ingress"]
        (rule,) = [each for each in rules if each["ports"] == [{"port": "monitoring"}]]
        assert rule["from"] == [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        ]
        others = renderings["trial"].named("NetworkPolicy", name)["spec"].get("ingress", [])
        assert [{"port": "monitoring"}] not in [each["ports"] for each in others]

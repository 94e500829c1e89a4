"""The notes after an installation warn of what is not yet as it must be."""

import pytest

PEERS = [{"namespaceSelector": {}}]
REST = {"ingress": {"enabled": True, "tlsSecret": "certificate"}}
GRPC = {"combiner": {"ingress": {"enabled": True, "tlsSecret": "certificate"}}}
SCRAPED = {"monitoring": {"serviceMonitor": {"enabled": True, "tokenSecret": "metrics"}}}


def policy(**peers):
    return {"networkPolicy": peers}


@pytest.mark.parametrize("ingress", [REST, GRPC, REST | GRPC], ids=["rest", "grpc", "both"])
def test_an_ingress_that_reaches_nobody_is_told(chart, ingress):
    """Until its namespace is among the callers, or there are no policies."""
    assert "networkPolicy.callers is empty" in chart.render(ingress).notes
    for open_one in (policy(callers=PEERS), policy(enabled=False)):
        assert "networkPolicy.callers" not in chart.render(ingress | open_one).notes
    assert "networkPolicy.callers" not in chart.render({}).notes


def test_a_prometheus_that_reaches_nobody_is_told(chart):
    """Until its namespace is among the scrapers, or there are no policies."""
    assert "networkPolicy.scrapers is empty" in chart.render(SCRAPED).notes
    for open_one in (policy(scrapers=PEERS), policy(enabled=False)):
        assert "networkPolicy.scrapers" not in chart.render(SCRAPED | open_one).notes
    assert "networkPolicy.scrapers" not in chart.render({}).notes


def test_server_functions_are_off_unless_they_are_asked_for_and_the_notes_say_what_they_may(chart):
    """In a pod no sandbox hides the store's keys from them."""
    others = {"combiner": {"settings": {"sandbox": "auto"}}}
    allowed = {"combiner": {"settings": {"server_functions": True}}}

    for values, said in [({}, "false"), (others, "false"), (allowed, "true")]:
        rendering = chart.render(values)
        (combiner,) = rendering.of_component("combiner")
        (main,) = combiner.pod["containers"]
        variables = {each["name"]: each.get("value") for each in main["env"]}
        assert variables["FEDNET_COMBINER_SERVER_FUNCTIONS"] == said
        assert ("Server functions run" in rendering.notes) is (said == "true")


@pytest.mark.parametrize("ingress", [REST, GRPC], ids=["rest", "grpc"])
def test_an_ingress_in_clear_text_is_told(chart, ingress):
    """It is asked for in that many words."""
    elsewhere = {"enabled": True, "tlsElsewhere": True}
    values = {"ingress": elsewhere} if ingress is REST else {"combiner": {"ingress": elsewhere}}
    rendering = chart.render(values)

    assert "speaks clear text" in rendering.notes
    assert "speaks clear text" not in chart.render(ingress).notes
    assert all("tls" not in each["spec"] for each in rendering.of_kind("Ingress"))

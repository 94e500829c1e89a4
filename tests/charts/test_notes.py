"""The notes after an installation warn of what is not yet as it must be."""

import pytest

REST = {"ingress": {"enabled": True, "tlsSecret": "certificate"}}
GRPC = {"combiner": {"ingress": {"enabled": True, "tlsSecret": "certificate"}}}


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

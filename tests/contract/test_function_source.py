"""The source of server functions: the accepted classes, and the refused ones, which are never run."""

import sys

import pytest

from fednet import limits
from fednet.contract import check_source
from fednet.errors import InvalidInput

CLASS = "class F(ServerFunctionsBase):\n    def {}: return None\n"


def test_the_class_and_its_methods_are_found():
    """In the order in which a round calls them; helpers beside it do not matter."""
    source = (
        "import math\nclass Helper:\n    pass\ndef also(): ...\n"
        "class Mine(ServerFunctionsBase):\n    def aggregate(self, before, updates): ...\n"
        "    def client_selection(self, ids): ...\n    def own(self): ...\n"
    )

    declared = check_source(source)

    assert (declared.name, declared.methods) == ("Mine", ("client_selection", "aggregate"))


@pytest.mark.parametrize(
    "method",
    [
        "client_selection(self, client_ids, more=1)",
        "client_settings(self, *models)",
        "aggregate(self, previous_global, client_updates, /)",
        "aggregate(self, *both, **named)",
    ],
)
def test_any_signature_that_can_be_called_is_taken(method):
    """Names and defaults are the user's."""
    assert len(check_source(CLASS.format(method)).methods) == 1


REFUSED = {
    "": "such classes: none",
    "class F: pass": "such classes: none",
    "x = (": "not valid Python: line 1",
    "\0": "not valid Python",
    "(" * 300 + ")" * 300: "not valid Python",
    "-" * 60_000 + "1": "not valid Python",
    CLASS.format("aggregate(self, updates)"): "F.aggregate must take self and 2 arguments",
    CLASS.format("client_settings(self)"): "F.client_settings must take self and 1 argument.",
    CLASS.format("client_settings(self, a, *, b)"): "must take self and 1 argument",
    CLASS.format("client_selection(self, a, b)"): "must take self and 1 argument",
    "class F:\n    async def client_selection(self, a): ...": "no async",
    "class F:\n    @staticmethod\n    def client_selection(a): ...": "no decorator",
    CLASS.format("incremental_aggregate(self, a, b, c, d)"): "is not supported. Write aggregate",
    CLASS.format("client_settings(self, m)") * 2: "such classes: F, F",
    "#" * (limits.server_functions_characters_max + 1): "at most 65536 are allowed",
}


@pytest.mark.parametrize("source", REFUSED, ids=lambda source: source[:20])
def test_what_cannot_be_run_is_refused_with_the_field(source):
    """And with what to do."""
    with pytest.raises(InvalidInput) as refused:
        check_source(source)

    assert refused.value.field == "server_functions"
    assert REFUSED[source] in refused.value.message


def test_nothing_of_a_source_is_run():
    """Not its first line either."""
    check_source("import sys; sys.was_run = True\n" + CLASS.format("client_settings(self, m)"))

    assert not hasattr(sys, "was_run")

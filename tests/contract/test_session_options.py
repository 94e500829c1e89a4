"""The declaration of a session's options, and what it is asked."""

import pytest
from pydantic import ValidationError

from fednet import APIClient
from fednet.contract import PredictionOptions, SessionOptions, options_of


def test_every_option_has_a_meaning_and_a_name_of_its_own():
    """The docstring is the option's help everywhere."""
    for declaration in (SessionOptions, PredictionOptions):
        options = options_of(declaration)

        assert all(option.meaning.endswith(".") for option in options)
        assert len({option.name for option in options}) == len(options)


def test_no_two_options_have_the_same_name_in_fedn():
    """The façade maps both ways."""
    names = [option.traits.fedn for option in options_of(SessionOptions) if option.traits.fedn]

    assert len(set(names)) == len(names)


def test_an_option_tells_its_kind_without_its_limits_and_none():
    """`dict` stands for a dict or None, `int` for a number within limits."""
    kinds = {option.name: option.kind for option in options_of(SessionOptions)}

    assert (kinds["aggregator_kwargs"], kinds["seed"], kinds["id"]) == (dict, int, str)
    assert (kinds["rounds"], kinds["round_timeout"], kinds["validate"]) == (int, float, bool)


def test_the_limits_of_every_number_are_told():
    """They stand in the JSON schema, from which OpenAPI and the documentation are made."""
    for declaration in (SessionOptions, PredictionOptions):
        for option in declaration.model_json_schema()["properties"].values():
            value = option.get("anyOf", [option])[0]
            if value["type"] in {"integer", "number"}:
                assert {"minimum", "exclusiveMinimum"} & value.keys()
                assert {"maximum", "exclusiveMaximum"} & value.keys()


@pytest.mark.parametrize("field", ["rounds", "seed", "requested_clients", "round_timeout"])
def test_a_truth_value_is_no_number(field):
    """Python counts True as 1."""
    with pytest.raises(ValidationError, match="this is a number, not true or false"):
        SessionOptions(**{field: True})


def test_clients_are_told_the_marked_options_only():
    """The others are the controller's and the combiners' concern."""
    assert SessionOptions(rounds=7, seed=3).for_clients() == {"rounds": 7}


def test_the_client_has_each_option_with_its_default():
    """In their order, so that FEDn's arguments by position mean the same."""
    for method, declaration in (
        (APIClient.start_session, SessionOptions),
        (APIClient.start_predictions, PredictionOptions),
    ):
        options = options_of(declaration)

        code, defaults = (
            method.__code__,
            [*method.__defaults__, *(method.__kwdefaults__ or {}).values()],
        )

        names = code.co_varnames[1 : 1 + len(options)]
        assert names == tuple(option.name for option in options)
        assert defaults == [option.default for option in options]


def test_a_source_without_server_functions_is_refused():
    """It is read at the border, and never run there."""
    with pytest.raises(ValidationError, match="Write exactly one class"):
        SessionOptions(server_functions="print('no class')")

"""The signature of a user's function is checked before a task calls it."""

import functools
import operator

import pytest

from fednet.errors import InvalidInput
from fednet.host import check_signature


class Methods:
    """Methods, and an object that can be called."""

    def good(self, parameters, settings):
        return parameters, settings

    def none(self):
        return self

    def __call__(self, parameters, settings):
        return parameters, settings

    @staticmethod
    def static(parameters, settings):
        return parameters, settings


class CalledWithOne:
    """An object that is called with one argument."""

    def __call__(self, parameters):
        return parameters


class CalledAsync:
    """An object whose call is asynchronous."""

    async def __call__(self, parameters, settings):
        return parameters, settings


async def coroutine(parameters, settings):
    return parameters, settings


def generator(parameters, settings):
    yield parameters, settings


@functools.wraps(Methods.good)
def wrapper(*args, **kwargs):
    return args, kwargs


GOOD = {
    "a function": lambda parameters, settings: (parameters, settings),
    "other names": lambda a, b: (a, b),
    "a default": lambda parameters, settings=None: (parameters, settings),
    "more defaults": lambda parameters, settings, epochs=3, *, rate=0.1: (
        parameters,
        settings,
        epochs,
        rate,
    ),
    "any arguments": lambda *args: args,
    "any arguments and names": lambda *args, **kwargs: (args, kwargs),
    "one and the rest": lambda parameters, *rest: (parameters, rest),
    "a bound method": Methods().good,
    "a static method": Methods.static,
    "an object": Methods(),
    "a partial": functools.partial(
        lambda data, parameters, settings: (data, parameters, settings), "data"
    ),
    "a partial by name": functools.partial(lambda p, s, data: (p, s, data), data=1),
    "a partial method": functools.partial(Methods.good, Methods()),
    "a function of C": operator.add,
}
BAD = {
    "no arguments": lambda: None,
    "one argument": lambda parameters: parameters,
    "three arguments": lambda parameters, settings, data: (parameters, settings, data),
    "a required name": lambda parameters, settings, *, rate: (parameters, settings, rate),
    "names only": lambda *, parameters, settings: (parameters, settings),
    "names of any kind": lambda **names: names,
    "a method of no object": Methods.good,
    "a method without arguments": Methods().none,
    "an object": CalledWithOne(),
    "a partial that gives too much": functools.partial(lambda p, s: (p, s), 1),
    "a decorated method of no object": wrapper,
}


@pytest.mark.parametrize("name", ["train", "validate", "predict"])
@pytest.mark.parametrize("kind", GOOD)
def test_what_takes_parameters_and_settings_is_accepted(name, kind):
    """However it is written."""
    check_signature(name, GOOD[kind])


@pytest.mark.parametrize("name", ["train", "validate", "predict"])
@pytest.mark.parametrize("kind", BAD)
def test_another_signature_is_refused_with_the_right_one(name, kind):
    """The message shows both, and the result."""
    with pytest.raises(InvalidInput, match=rf"`def {name}\(parameters, settings\):`") as caught:
        check_signature(name, BAD[kind])

    assert caught.value.field == name
    assert "has the signature (" in caught.value.message


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (coroutine, "asynchronous"),
        (functools.partial(coroutine, 1), "asynchronous"),
        (CalledAsync(), "asynchronous"),
        (generator, "generator"),
        (None, "NoneType, which cannot be called"),
        ("train", "str, which cannot be called"),
    ],
)
def test_what_returns_no_result_when_it_is_called_is_refused(function, words):
    """A coroutine or a generator would come back in place of the result."""
    with pytest.raises(InvalidInput, match=words):
        check_signature("train", function)

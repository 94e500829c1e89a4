"""The proof that `fednet.APIClient` has the methods and keywords of FEDn's published ones; run by `make test-fedn`."""

import inspect
import json
import subprocess

import pytest

from fednet import APIClient
from fednet.fedn_filters import FednFilters

VERSIONS = ("0.9.5", "0.33.0")
PRINT = """
import inspect, json
from fedn import APIClient
methods = {n: m for n, m in vars(APIClient).items() if callable(m) and (n == "__init__" or n[0] != "_")}
print(json.dumps({n: list(inspect.signature(m).parameters)[1:] for n, m in methods.items()}))
"""
FILTERS = set(FednFilters.__annotations__)

# What differs on purpose: a method, or one of its keywords, with the reason.
DIFFERENT = {
    "start_splitlearning_session": "fednet has no split learning",
    "continue_session.round_timeout": "a session keeps the options with which it was started",
}
OTHER_ORDER = {
    "start_session": "its first argument is the id, as in 0.9.5; in 0.33 it is the name",
    "get_sessions": "filters are given by keyword",
    "get_statuses": "the same filters, in fednet's words",
    "get_validations": "the same filters, in fednet's words; there is no role to choose",
    "get_predictions": "the same filters, in fednet's words; there is no role to choose",
}


@pytest.fixture(params=VERSIONS)
def published(request, repository):
    """The parameters of each public method of one published APIClient, by the method's name."""
    python = repository / f".venv-fedn-{request.param}" / "bin" / "python"
    done = subprocess.run(
        [python, "-W", "ignore", "-c", PRINT], check=True, capture_output=True, timeout=110
    )
    return json.loads(done.stdout)


def parameters_of(name):
    """Return the parameters of our method, FEDn's keywords among them."""
    found = inspect.signature(getattr(APIClient, name)).parameters
    others = FILTERS if "fedns" in found else set()
    return [each for each in found if each != "self"], others


def test_every_method_and_keyword_is_there_or_listed(published):
    """What differs on purpose is listed with its reason."""
    missing = {name for name in published if not hasattr(APIClient, name)}
    for name in published.keys() - missing:
        ours, others = parameters_of(name)
        missing |= {f"{name}.{each}" for each in published[name] if each not in {*ours, *others}}

    assert missing <= DIFFERENT.keys()


def test_arguments_by_position_mean_the_same(published):
    """Code that was written for FEDn's client goes on."""
    same = [name for name in published if name not in {*OTHER_ORDER, *DIFFERENT}]
    for name in same:
        wanted = [each for each in published[name] if f"{name}.{each}" not in DIFFERENT]
        assert parameters_of(name)[0][: len(wanted)] == wanted, name


def test_nothing_is_listed_in_vain(repository):
    """A difference that is gone leaves the list."""
    python = repository / ".venv-fedn-0.33.0" / "bin" / "python"
    done = subprocess.run([python, "-c", PRINT], check=True, capture_output=True, timeout=110)
    newest = json.loads(done.stdout)

    for each in DIFFERENT:
        name, _, keyword = each.partition(".")
        assert keyword in newest[name] if keyword else not hasattr(APIClient, name)

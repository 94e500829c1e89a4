"""The errors are one tree, drawn once, with one table to the two protocols."""

import json
import re

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import errors
from fednet.errors import FednetError, every_error, from_dict

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type)]
CLASSES = [kind for kind in CLASSES if issubclass(kind, FednetError)]


def tree_of(docstring: str) -> dict[str, str]:
    """Child to parent, read from a tree drawn with box lines, four characters a level."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in docstring.splitlines():
        if match := re.match(r"    ([│├└─ ]*)([A-Z]\w+)(  |$)", line):
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            parents[match[2]] = path[depth - 1] if depth else Exception.__name__
    return parents


def test_docstring_draws_the_tree() -> None:
    """The tree at the top of fednet.errors names every class under its parent, and no other."""
    drawn = tree_of(errors.__doc__ or "")

    assert drawn == {kind.__name__: kind.__mro__[1].__name__ for kind in CLASSES}


def test_every_class_has_its_own_code() -> None:
    """No class takes over its parent's code, so that the code alone brings the class back."""
    found = every_error()

    assert set(found.values()) == set(CLASSES)
    assert all(kind.code == code for code, kind in found.items())


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_stands_in_the_table(kind: type[FednetError]) -> None:
    """Each class has a sentence, a status for HTTP and one for gRPC, and both say failure."""
    assert kind.__doc__
    assert 400 <= kind.http_status <= 599
    assert kind.grpc_status in set(grpc.StatusCode.__members__) - {"OK"}


def test_docstring_says_which_errors_are_worth_a_retry() -> None:
    """The words `worth a retry` in the tree stand at the classes that are retryable."""
    lines = (errors.__doc__ or "").splitlines()

    said = {re.findall(r"\w+", line)[0] for line in lines if "worth a retry" in line}

    assert said == {kind.__name__ for kind in CLASSES if kind.retryable}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
@given(message=st.text(min_size=1), field=st.none() | st.text())
def test_an_error_survives_json(kind: type[FednetError], message: str, field: str | None) -> None:
    """What one process raises and writes as JSON, another reads back: class, message and field."""
    body = json.loads(json.dumps(kind(message, field=field).to_dict()))

    back = from_dict(body, kind.http_status)

    assert (type(back), back.message, back.field) == (kind, message, field)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidInput),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (503, errors.Unavailable),
        (418, FednetError),
    ],
)
def test_the_status_decides_without_a_known_code(status: int, kind: type[FednetError]) -> None:
    """An answer of a proxy or of a newer server becomes the class that its status means."""
    answers = [{}, {"message": "no"}, {"code": "of a newer version", "message": "no"}]

    assert {type(from_dict(answer, status)) for answer in answers} == {kind}


def test_an_answer_without_a_message_gets_one() -> None:
    """An error never arrives without words."""
    assert "502" in from_dict({}, 502).message

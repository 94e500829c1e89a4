"""No repr shows a secret: a value ends up in a log, an error or a traceback sooner or later."""

import dataclasses
import importlib
import itertools
import pkgutil
import re

import pydantic

from fednet.combiner.ports import PartPlace

SECRET = re.compile(
    r"(^|_)(token|password|secret_key|\w+_secret|private_key|noise_key|blob_store|state_store)$"
)
ROOMS = ("fednet", "fednet.client", "fednet.combiner", "fednet.controller")


def classes():
    """Every class of fednet that has declared fields."""
    rooms = [importlib.import_module(name) for name in ROOMS]
    walks = [pkgutil.walk_packages(room.__path__, f"{room.__name__}.") for room in rooms]
    for found in itertools.chain(*walks):
        if "_pb2" in found.name or found.name.endswith(("__main__", "gunicorn_config")):
            continue
        module = importlib.import_module(found.name)
        for each in vars(module).values():
            if isinstance(each, type) and each.__module__ == found.name:
                yield each


def is_masked(annotation):
    """True if the value itself hides in its repr."""
    return "SecretStr" in str(annotation)


def shown_fields(kind):
    """The names of the fields that the repr of a class shows."""
    if dataclasses.is_dataclass(kind):
        return [each.name for each in dataclasses.fields(kind) if each.repr]
    if issubclass(kind, pydantic.BaseModel):
        fields = kind.model_fields.items()
        return [name for name, field in fields if field.repr and not is_masked(field.annotation)]
    return []


def test_no_repr_shows_a_field_with_a_secret():
    """Tokens, passwords, keys, and URLs of stores, which may have a password."""
    found = list(classes())
    shown = [
        f"{kind.__module__}.{kind.__qualname__}.{name}"
        for kind in found
        for name in shown_fields(kind)
        if SECRET.search(name)
    ]

    assert len([kind for kind in found if shown_fields(kind)]) > 100
    assert sorted(shown) == []


def test_no_repr_shows_a_url_that_is_a_credential():
    """That of a part in the object store is signed."""
    assert "right" not in repr(PartPlace(url="http://s3/b?X-Amz-Signature=right"))

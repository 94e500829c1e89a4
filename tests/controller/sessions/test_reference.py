"""The page on sessions is made from their options."""

import inspect

from fednet import APIClient
from fednet.controller.sessions.options import SessionOptions
from fednet.controller.sessions.reference import reference


def test_the_page_says_what_the_code_says(repository):
    """The page is written by `python -m fednet.controller.sessions.reference > docs/sessions.md`."""
    assert (repository / "docs" / "sessions.md").read_text() == reference()


def test_the_client_has_each_option_with_its_default():
    """The defaults are equal; helper alone shows FEDn's default, and is sent only if it is given."""
    options = {field.alias or name: field for name, field in SessionOptions.model_fields.items()}
    given = inspect.signature(APIClient.start_session).parameters
    shown = {name: each.default for name, each in given.items() if name != "self"}

    expected = {name: field.default for name, field in options.items()}
    assert shown == expected | {"helper": "numpyhelper"}

"""A user's class, a text and a file give the same source."""

import pytest

from fednet.contract import FUNCTION_METHODS, check_source
from fednet.errors import InvalidInput
from fednet.server_functions import ServerFunctionsBase, source_of


class Mine(ServerFunctionsBase):
    def client_settings(self, global_model):
        return {"arrays": len(global_model)}


def test_a_class_a_text_and_a_file_are_one_source(tmp_path):
    """Also a class that stands in a function."""

    class Inner(ServerFunctionsBase):
        def client_settings(self, global_model):
            return {"arrays": len(global_model)}

    path = tmp_path / "mine.py"
    path.write_text(source_of(Mine))

    assert source_of(path) == source_of(source_of(Mine)) == source_of(Mine)
    assert check_source(source_of(Inner)).name == "Inner"


def test_a_source_that_is_nowhere_is_refused(tmp_path):
    """A class that was made without a file, a file that is not there."""
    for given in (type("Made", (), {}), tmp_path / "none.py", 5):
        with pytest.raises(InvalidInput, match="Cannot read"):
            source_of(given)


def test_the_base_has_every_method():
    """A class derived from it is typed by it; one that calls what it did not write is told."""
    for method in FUNCTION_METHODS:
        with pytest.raises(NotImplementedError):
            getattr(ServerFunctionsBase(), method)(*[[]] * (1 + (method == "aggregate")))

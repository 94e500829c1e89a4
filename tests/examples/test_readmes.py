"""The READMEs of the examples, before anybody follows them."""

import re

import pytest

EXAMPLES = ["async", "digits", "digits-pytorch", "notebook", "server-functions", "tabular-sklearn"]


def test_every_example_is_listed(repository):
    """A new example gets a line above, and a test that follows its README."""
    folders = {path.parent.name for path in repository.glob("examples/*/README.md")}

    assert folders == set(EXAMPLES)
    assert {path.parent.name for path in repository.glob("tests/examples/*/test_*.py")} == folders


@pytest.mark.parametrize("example", EXAMPLES)
def test_fednet_is_installed_from_the_clone(repository, example):
    """No registry has it; the first command works in the example's folder."""
    text = (repository / "examples" / example / "README.md").read_text(encoding="utf-8")
    [target] = re.findall(r"^pip install -e '(\S+)\[\S+\]'", text, re.MULTILINE)

    assert (repository / "examples" / example / target / "pyproject.toml").is_file()
    assert not re.search(r"^pip install '?fednet", text, re.MULTILINE)

"""The configuration file: Xaynet's own sections, and errors that name the value."""

import logging

import pytest

from fednet.controller.facades.xaynet.config import load_config
from fednet.errors import InvalidInput
from fednet.xaynet import BoundType, DataType, GroupType, MaskConfig, ModelType

# The form of Xaynet's configs/config.toml.
XAYNETS = """
[log]
filter = "xaynet=debug,http=warn,info"

[api]
bind_address = "127.0.0.1:8081"

[pet.sum]
prob = 0.5
count = { min = 1, max = 100 }
time = { min = 5, max = 3600 }

[pet.update]
prob = 0.9
count = { min = 3, max = 10000 }
time = { min = 10, max = 3600 }

[pet.sum2]
count = { min = 1, max = 100 }
time = { min = 5, max = 3600 }

[mask]
group_type = "Prime"
data_type = "F32"
bound_type = "B0"
model_type = "M3"

[model]
length = 4

[redis]
url = "redis://127.0.0.1/"
"""


@pytest.fixture
def loaded(tmp_path):
    def load(text):
        file = tmp_path / "config.toml"
        file.write_text(text)
        return load_config(file)

    return load


def test_xaynets_own_file_is_read(loaded, caplog):
    """Sections of its other parts are named in one line of the log."""
    with caplog.at_level(logging.INFO):
        config = loaded(XAYNETS)

    assert config.mask.config() == MaskConfig(
        GroupType.Prime, DataType.F32, BoundType.B0, ModelType.M3
    )
    assert (config.pet.sum.prob, config.pet.update.count.max, config.model.length) == (
        0.5,
        10_000,
        4,
    )
    (line,) = caplog.messages
    assert line.endswith("api, log, redis")


def test_all_but_the_length_has_the_defaults_of_that_file(loaded):
    """A file with the length alone means the same."""
    assert loaded("[model]\nlength = 4") == loaded(XAYNETS)


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("prob = 0.5", "prob = 1.0", "pet.sum.prob"),
        ("prob = 0.5", "prob = 0.0", "pet.sum.prob"),
        ("prob = 0.5", "prob = nan", "pet.sum.prob"),
        ("prob = 0.9", "prob = 1.1", "pet.update.prob"),
        ("prob = 0.9", 'prob = "much"', "pet.update.prob"),
        ("count = { min = 1, max = 100 }", "count = { min = 0, max = 100 }", "pet.sum.count.min"),
        ("count = { min = 1, max = 100 }", "count = { min = 101, max = 100 }", "pet.sum.count"),
        ("count = { min = 3, max = 10000 }", "count = { min = 2, max = 9 }", "pet.update"),
        ("count = { min = 3, max = 10000 }", "count = { min = 3, max = 90000 }", "pet"),
        ("time = { min = 10, max = 3600 }", "time = { min = 10, max = 9 }", "pet.update.time"),
        ("time = { min = 10, max = 3600 }", "time = { min = -1, max = 9 }", "pet.update.time.min"),
        ("time = { min = 10, max = 3600 }", "time = { min = 10 }", "pet.update.time.max"),
        ("[pet.sum2]\ncount = { min = 1, max = 100 }", "[pet.sum2]\ncount = { min = 1, max = 101 }", "pet"),
        ('"Prime"', '"Primes"', "mask"),
        ('"M3"', '"M4"', "mask"),
        ('"M3"', '"M3"\nsalt = 3', "mask.salt"),
        ("length = 4", "length = 0", "model.length"),
        ("length = 4", "length = 4.5", "model.length"),
        ("length = 4", "", "model.length"),
        ("[model]\nlength = 4", "", "model"),
        ("count = { min = 1, max = 100 }", "count = { min = 1, max = 10001 }", "pet"),
        ('"M3"\n\n[model]\nlength = 4', '"M12"\n\n[model]\nlength = 450_000_000', "model.length"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(loaded, before, after, field):
    """The error names the file's field."""
    assert before in XAYNETS

    with pytest.raises(InvalidInput, match="wrong") as error:
        loaded(XAYNETS.replace(before, after, 1))

    assert error.value.field == field


def test_a_file_that_is_no_toml_is_refused(loaded, tmp_path):
    """Neither is an absent one."""
    with pytest.raises(InvalidInput, match="Cannot read"):
        loaded("[model\n")
    with pytest.raises(InvalidInput, match="Cannot read"):
        load_config(tmp_path / "absent.toml")


def test_a_huge_file_is_refused(loaded):
    """It is not read."""
    with pytest.raises(InvalidInput, match="right file"):
        loaded("#" * (1 << 21))

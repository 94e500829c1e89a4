"""Lists of addresses in one text."""

import pytest

from fednet import limits
from fednet.addresses import is_part_of, split_addresses
from fednet.errors import InvalidInput


def test_addresses_are_separated_by_commas():
    """Spaces around them and slashes at their end do not count, nor does what stands there twice."""
    assert split_addresses("http://a/") == ("http://a",)
    assert split_addresses(" http://b:1 ,http://a,http://b:1/") == ("http://b:1", "http://a")


@pytest.mark.parametrize("text", ["", " ", ",", "http://a,", "http://a,,http://b", "/"])
def test_an_empty_address_is_refused(text):
    """The error names the setting."""
    with pytest.raises(InvalidInput, match="empty") as caught:
        split_addresses(text, "api_url")

    assert caught.value.field == "api_url"


def test_the_number_of_addresses_has_a_bound():
    """One more than that is refused, with the number."""
    addresses = [f"http://a{number}" for number in range(limits.addresses_max + 1)]

    assert len(split_addresses(",".join(addresses[1:]))) == limits.addresses_max
    with pytest.raises(InvalidInput, match=str(len(addresses))):
        split_addresses(",".join(addresses))


@pytest.mark.parametrize(
    ("some", "is_part"),
    [("b/", True), ("b,a", True), ("a", True), ("c", False), ("a,c", False)],
)
def test_a_list_is_part_of_another_if_each_of_its_addresses_is(some, is_part):
    """In any order."""
    assert is_part_of(some, "a,b") is is_part

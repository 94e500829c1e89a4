"""Names and ids that come from elsewhere."""

import pytest

from fednet import limits
from fednet.errors import InvalidInput
from fednet.names import check_id, check_name, is_id, is_text

ID = "0b1f6c2e-6d0e-4f0b-9d8a-2f4b8f6f3c11"


@pytest.mark.parametrize("name", ["a", "A-1", "hospital.north_2", "0", "x" * 128])
def test_a_name_has_letters_digits_and_some_signs_after_the_first(name):
    """Such a name is accepted."""
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-a", "a/b", "../a", "a\n", "a b", "é", "a\0", "x" * 129]
)
def test_other_names_are_refused(name):
    """Above all a name that leads out of a folder; the message shows it and says what a name may have."""
    with pytest.raises(InvalidInput, match="use letters, digits") as caught:
        check_name(name)

    assert caught.value.field == "name"
    assert repr(name[:128]) in str(caught.value)


def test_the_message_about_a_name_has_a_limit():
    """A name of a megabyte is not sent back."""
    with pytest.raises(InvalidInput) as caught:
        check_name("x" * 10**6)

    assert len(str(caught.value)) < 2 * limits.name_characters_max + 100


def test_an_id_is_a_uuid_in_its_usual_form():
    """It is returned as it is."""
    assert is_id(ID)
    assert check_id(ID, "task_id") == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        ID.upper(),
        ID.replace("-", ""),
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        f"{ID}\n",
        f"../{ID}",
    ],
)
def test_other_ids_are_refused(text):
    """Also other forms of a UUID: two texts of one id would be two files. The error names the field."""
    with pytest.raises(InvalidInput, match="Invalid task_id") as caught:
        check_id(text, "task_id")

    assert not is_id(text)
    assert caught.value.field == "task_id"


def test_a_text_has_neither_nul_nor_halves_of_characters():
    """No store could keep them all."""
    assert is_text("")
    assert is_text("é\n\U0001f600")
    assert not is_text("a\0b")
    assert not is_text("\ud800")

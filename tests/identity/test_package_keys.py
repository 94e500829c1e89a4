"""The keys that sign packages, and those that a site trusts."""

import threading
from contextlib import suppress

import pytest

from fednet import limits
from fednet.errors import AlreadyExists, InvalidInput
from fednet.identity import create_package_key, new_signing_key, read_package_key, read_trusted_keys


def test_a_folder_of_keys_is_trusted(tmp_path):
    """Its files *.pub and *.pem; several keys may stand in one file."""
    keys = [create_package_key(tmp_path / f"{n}.key", tmp_path / f"{n}.pub") for n in "abc"]
    both = (tmp_path / "a.pub").read_text() + (tmp_path / "b.pub").read_text()
    (tmp_path / "a.pub").unlink()
    (tmp_path / "b.pub").write_text(both)
    (tmp_path / "notes.txt").write_text("no key")

    assert read_trusted_keys(tmp_path) == {keys[0]: "b.pub", keys[1]: "b.pub", keys[2]: "c.pub"}


def test_a_private_key_is_that_of_its_public_one(tmp_path):
    """The two files of one pair."""
    key = create_package_key(tmp_path / "a.key", tmp_path / "a.pub")

    assert read_package_key(tmp_path / "a.key").public_key().public_bytes_raw().hex() == key


@pytest.mark.parametrize(
    "content", ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
)
def test_a_file_without_a_public_key_is_refused(tmp_path, content):
    """The error names the setting; a key that is not read must not look like one that is not trusted."""
    (tmp_path / "a.pem").write_text(content)

    for path in (tmp_path, tmp_path / "a.pem", tmp_path / "missing.pem"):
        with pytest.raises(InvalidInput) as caught:
            read_trusted_keys(path)
        assert caught.value.field == "trusted_keys"


def test_a_private_key_is_not_trusted(tmp_path):
    """It belongs to its owner, not into a site's folder of keys."""
    (tmp_path / "a.pem").write_text(new_signing_key())

    with pytest.raises(InvalidInput):
        read_trusted_keys(tmp_path)


def test_too_many_keys_are_refused(tmp_path):
    """One more than the limit."""
    for number in range(limits.trusted_keys_max + 1):
        (tmp_path / f"{number}.pem").touch()

    with pytest.raises(InvalidInput, match=str(limits.trusted_keys_max)):
        read_trusted_keys(tmp_path)


def test_a_key_is_never_overwritten(tmp_path):
    """Packages that it has signed would lose their signer."""
    (tmp_path / "a.pub").write_text("mine")

    with pytest.raises(AlreadyExists):
        create_package_key(tmp_path / "a.key", tmp_path / "a.pub")
    assert not (tmp_path / "a.key").exists()


def test_the_files_of_a_pair_have_two_names(tmp_path):
    """The public key would take the place of the private one."""
    with pytest.raises(InvalidInput, match=r"a\.pub.*\.pem") as caught:
        create_package_key(tmp_path / "a.pub", tmp_path / "a.pub")

    assert caught.value.field == "out"
    assert list(tmp_path.iterdir()) == []


def test_of_several_makers_of_a_key_one_wins(tmp_path):
    """Its pair stays whole; the others are refused."""
    made, begin = [], threading.Barrier(8)

    def make():
        begin.wait()
        with suppress(AlreadyExists):
            made.append(create_package_key(tmp_path / "a.key", tmp_path / "a.pub"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert read_trusted_keys(tmp_path / "a.pub") == dict.fromkeys(made, "a.pub")
    assert read_package_key(tmp_path / "a.key").public_key().public_bytes_raw().hex() == made[0]

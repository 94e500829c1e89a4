"""Digests of bytes, files and streams, against the values of FIPS 180-4."""

import io

import pytest

from fednet.digests import (
    RunningDigest,
    sealed,
    sha256_of,
    sha256_of_file,
    sha256_of_open_file,
    unsealed,
)

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_bytes_and_files_have_their_digest(tmp_path):
    """It is the SHA-256, in hexadecimal digits."""
    (tmp_path / "a").write_bytes(b"abc")

    assert sha256_of(b"abc") == ABC
    assert sha256_of(memoryview(b"abc")) == ABC
    assert sha256_of_file(tmp_path / "a") == ABC


def test_an_open_file_counts_from_its_beginning(tmp_path):
    """Its position does not matter."""
    (tmp_path / "a").write_bytes(b"abc")
    with (tmp_path / "a").open("rb") as on_disk:
        for file in (io.BytesIO(b"abc"), on_disk):
            file.seek(2)

            assert sha256_of_open_file(file) == ABC


def test_a_running_digest_counts_pieces():
    """Their borders do not matter."""
    digest = RunningDigest()
    before = digest.sha256
    digest.add(b"a")
    digest.add(memoryview(b"bc"))

    assert before == EMPTY
    assert (digest.size_bytes, digest.sha256) == (3, ABC)


def test_pieces_are_counted_as_they_pass():
    """Each is counted before the reader has it, and none before it is asked for."""
    digest = RunningDigest()
    passing = digest.passing([b"ab", b"c"])

    assert digest.size_bytes == 0
    assert next(passing) == b"ab"
    assert digest.size_bytes == 2
    assert list(passing) == [b"c"]
    assert digest.sha256 == ABC


def test_a_copy_goes_on_by_itself():
    """So a writer can go back to an earlier point."""
    digest = RunningDigest()
    digest.add(b"abc")
    copy = digest.copy()
    digest.add(b"d")

    assert (copy.size_bytes, copy.sha256) == (3, ABC)


@pytest.mark.parametrize("body", [b"", b"abc", b"two\nlines"])
def test_sealed_content_gives_its_body(body):
    """The body may hold anything."""
    assert unsealed(sealed(body)) == body


@pytest.mark.parametrize(
    "damaged", [b"", b"abc", sealed(b"abc")[:-1], sealed(b"abc") + b"d", bytes(68)]
)
def test_damaged_content_gives_nothing(damaged):
    """Cut, grown, or zeros after a power cut."""
    assert unsealed(damaged) is None

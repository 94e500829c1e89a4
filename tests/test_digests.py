"""Digests of bytes, files and streams, against published values of SHA-256 and BLAKE3."""

import io

import pytest

from fednet.digests import (
    Algorithm,
    Digest,
    RunningDigest,
    digest_of,
    digest_of_file,
    digest_of_open,
    sealed,
    sha256_of,
    unsealed,
)
from fednet.errors import InvalidInput

ABC = {
    Algorithm.SHA256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    Algorithm.BLAKE3: "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
}
EMPTY = {
    Algorithm.SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    Algorithm.BLAKE3: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
}


@pytest.fixture(params=Algorithm)
def algorithm(request):
    return request.param


def test_bytes_and_files_have_their_digest(algorithm, tmp_path):
    """The value is that of the algorithm's specification, and the digest knows the size."""
    (tmp_path / "a").write_bytes(b"abc")

    expected = Digest(algorithm, ABC[algorithm], 3)

    assert digest_of(b"abc", algorithm) == expected
    assert digest_of(memoryview(b"abc"), algorithm) == expected
    assert digest_of_file(tmp_path / "a", algorithm) == expected


def test_bytes_in_memory_have_a_sha256():
    """It is in hexadecimal digits."""
    assert sha256_of(b"abc") == sha256_of(memoryview(b"abc")) == ABC[Algorithm.SHA256]


def test_an_open_file_counts_from_its_beginning(algorithm, tmp_path):
    """Its position does not matter."""
    (tmp_path / "a").write_bytes(b"abc")
    with (tmp_path / "a").open("rb") as on_disk:
        for file in (io.BytesIO(b"abc"), on_disk):
            file.seek(2)

            assert digest_of_open(file, algorithm).value == ABC[algorithm]


def test_a_file_is_compared_with_a_digest(algorithm, tmp_path):
    """Another size differs, and so does another byte."""
    path = tmp_path / "a"
    digest = digest_of(b"abc", algorithm)

    path.write_bytes(b"abc")
    assert digest.is_of_file(path)
    for other in (b"abd", b"abcd", b""):
        path.write_bytes(other)
        assert not digest.is_of_file(path)


def test_a_running_digest_counts_pieces(algorithm):
    """Their borders do not matter."""
    running = RunningDigest(algorithm)
    before = running.digest
    running.add(b"a")
    running.add(memoryview(b"bc"))

    assert before == Digest(algorithm, EMPTY[algorithm], 0)
    assert running.digest == Digest(algorithm, ABC[algorithm], 3)


def test_pieces_are_counted_as_they_pass(algorithm):
    """Each is counted before the reader has it, and none before it is asked for."""
    running = RunningDigest(algorithm)
    passing = running.passing([b"ab", b"c"])

    assert running.size_bytes == 0
    assert next(passing) == b"ab"
    assert running.size_bytes == 2
    assert list(passing) == [b"c"]
    assert running.digest.value == ABC[algorithm]


def test_a_copy_goes_on_by_itself(algorithm):
    """What is added to one does not count for the other."""
    running = RunningDigest(algorithm)
    running.add(b"ab")
    copy = running.copy()
    copy.add(b"c")

    assert copy.digest == digest_of(b"abc", algorithm)
    assert running.digest == digest_of(b"ab", algorithm)


def test_a_digest_is_read_from_its_text(algorithm):
    """A BLAKE3 digest names its algorithm; a SHA-256 is written as it always was."""
    digest = digest_of(b"abc", algorithm)

    assert Digest.read(digest.text, 3) == digest
    assert digest_of(b"abc", Algorithm.SHA256).text == ABC[Algorithm.SHA256]
    assert digest_of(b"abc", Algorithm.BLAKE3).text == f"blake3:{ABC[Algorithm.BLAKE3]}"


def test_only_a_sha256_has_a_sha256():
    """Nobody takes a value of BLAKE3 for one."""
    assert digest_of(b"abc", Algorithm.SHA256).sha256 == ABC[Algorithm.SHA256]
    assert digest_of(b"abc", Algorithm.BLAKE3).sha256 is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0" * 63,
        "0" * 65,
        "A" * 64,
        "g" * 64,
        "0" * 64 + "\n",
        "blake3:",
        "blake3:" + "0" * 63,
        "blake3:blake3:" + "0" * 64,
        "md5:" + "0" * 64,
        "sha256:" + "0" * 64,
        "../" + "0" * 61,
    ],
)
def test_other_texts_are_no_digests(text):
    """The error names the field and shows the beginning of the text."""
    with pytest.raises(InvalidInput, match="Invalid package") as caught:
        Digest.read(text, 1, field="package")

    assert caught.value.field == "package"


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

"""Signatures of packages: a package that differs in anything from the signed one has no signer."""

import io
import tarfile

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.errors import InvalidPackage
from fednet.packages import create_package, read_contents, sign_package, signers_of, unpack_package

KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(1, 4)]
NAMES = [key.public_key().public_bytes_raw().hex() for key in KEYS]
SIGNATURES = ".fednet-signatures"


def signers(path):
    return signers_of(read_contents(path))


@pytest.fixture
def package(source, tmp_path):
    """Return a package that the first key has signed."""
    path = tmp_path / "package.tgz"
    create_package(source, path)
    sign_package(path, path, KEYS[0])
    return path


def members_of(path):
    """Return the (header, content) pairs of a tgz."""
    with tarfile.open(path) as archive:
        return [(each, archive.extractfile(each).read()) for each in archive]


def rewritten(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for header, content in members:
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return path


def test_a_signed_package_names_its_signer(package, source, tmp_path):
    """It unpacks as before, with the signatures beside its files."""
    unpack_package(package, tmp_path / "out")

    assert signers(package) == {NAMES[0]}
    assert (tmp_path / "out" / "train.py").read_bytes() == (source / "train.py").read_bytes()
    assert (tmp_path / "out" / "lib" / "tool.sh").stat().st_mode & 0o111


def test_several_people_sign_one_package(package):
    """A second signature of a key replaces its first one."""
    for key in (KEYS[1], KEYS[0], KEYS[1]):
        sign_package(package, package, key)

    assert signers(package) == set(NAMES[:2])


def test_the_same_signature_gives_the_same_bytes(package, source, tmp_path):
    """Two people who sign the same files with one key get the same digest."""
    create_package(source, tmp_path / "again.tgz")
    sign_package(tmp_path / "again.tgz", tmp_path / "again.tgz", KEYS[0])

    assert (tmp_path / "again.tgz").read_bytes() == package.read_bytes()


def test_a_package_without_signatures_has_no_signer(source, tmp_path):
    """It is an ordinary package."""
    create_package(source, tmp_path / "package.tgz")

    assert signers(tmp_path / "package.tgz") == frozenset()


@given(data=st.data())
def test_any_changed_byte_of_any_member_is_refused(tmp_path_factory, data):
    """Of the files and of the signatures."""
    path = signed_in(tmp_path_factory)
    members = members_of(path)
    header, content = data.draw(st.sampled_from(members))
    place = data.draw(st.integers(0, len(content) - 1))
    flipped = bytes([content[place] ^ data.draw(st.integers(1, 255))])
    changed = content[:place] + flipped + content[place + 1 :]

    with_change = [(each, changed if each is header else kept) for each, kept in members]

    assert has_no_signer(rewritten(path, with_change))


@given(data=st.data())
def test_any_changed_mode_name_or_set_of_members_is_refused(tmp_path_factory, data):
    """Also an empty file more, and a file that is there as a link."""
    path = signed_in(tmp_path_factory)
    members = members_of(path)
    files = [each for each, _ in members if each.name != SIGNATURES]
    header = data.draw(st.sampled_from(files))
    match data.draw(st.sampled_from(["mode", "name", "removed", "added", "folder", "link"])):
        case "mode":
            header.mode ^= 0o100
        case "name":
            header.name += "x"
        case "removed":
            members = [(each, content) for each, content in members if each is not header]
        case "added":
            members.append((tarfile.TarInfo("more.py"), b""))
        case "folder":
            folder = tarfile.TarInfo("more")
            folder.type = tarfile.DIRTYPE
            members.append((folder, b""))
        case "link":
            header.type, header.linkname = tarfile.SYMTYPE, "fednet.yaml"

    assert has_no_signer(rewritten(path, members))


@pytest.mark.parametrize(
    "content",
    [
        b"fednet package signatures 1\n",
        b"fednet package signatures 2\ned25519 " + b"0" * 64 + b" " + b"0" * 128 + b"\n",
        b"fednet package signatures 1\ned25519 " + b"A" * 64 + b" " + b"0" * 128 + b"\n",
        b"fednet package signatures 1\ned25519 " + b"0" * 64 + b" " + b"0" * 128,
        b"fednet package signatures 1\n"
        + (b"ed25519 " + b"0" * 64 + b" " + b"0" * 128 + b"\n") * 2,
        b"fednet package signatures 1\n"
        + b"".join(
            b"ed25519 %064x %0128x\n" % (number, 0)
            for number in range(limits.package_signatures_max + 1)
        ),
        b"\xff\xfe",
    ],
)
def test_signatures_in_another_form_are_refused(package, content):
    """There is one form only, so nothing can be hidden in it."""
    members = [
        (each, content if each.name == SIGNATURES else kept) for each, kept in members_of(package)
    ]

    with pytest.raises(InvalidPackage) as caught:
        signers(rewritten(package, members))
    assert caught.value.field == SIGNATURES


def test_too_many_signatures_are_refused(package):
    """One more than the limit."""
    for number in range(limits.package_signatures_max - 1):
        key = Ed25519PrivateKey.from_private_bytes(bytes([100 + number]) * 32)
        sign_package(package, package, key)

    with pytest.raises(InvalidPackage):
        sign_package(package, package, KEYS[2])
    assert len(signers(package)) == limits.package_signatures_max


def signed_in(tmp_path_factory):
    """Return a new signed package of two files."""
    folder = tmp_path_factory.mktemp("signed")
    (folder / "source").mkdir()
    (folder / "source" / "fednet.yaml").write_text("client: model:C")
    (folder / "source" / "model.py").write_text("class C: ...")
    create_package(folder / "source", folder / "package.tgz")
    sign_package(folder / "package.tgz", folder / "package.tgz", KEYS[0])
    return folder / "package.tgz"


def has_no_signer(path):
    try:
        return signers(path) == frozenset()
    except InvalidPackage:
        return True

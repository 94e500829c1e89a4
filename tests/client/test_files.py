"""The files that a client holds: each is fetched once, checked once, and bounded in number."""

import pytest

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.client.files import Files
from fednet.digests import Algorithm, Digest, digest_of
from fednet.errors import InvalidInput, Unavailable
from fednet.packages import create_package


def ref_of(content):
    return BlobRef("MODEL", "an-id", digest_of(content, Algorithm.BLAKE3))


class Store:
    """The files that can be fetched, and the record of fetches."""

    def __init__(self):
        self.blobs = {}
        self.fetched = []

    def put(self, content):
        ref = ref_of(content)
        self.blobs[ref.digest] = content
        return ref

    def fetch(self, ref, path):
        if ref.digest not in self.blobs:
            path.with_name(path.name + ".part").write_bytes(b"half")
            raise Unavailable("The link broke.")
        self.fetched.append(ref.digest)
        path.write_bytes(self.blobs[ref.digest])


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def files(tmp_path, store):
    return Files(tmp_path / "files", store.fetch)


def package_ref(store, tmp_path, command):
    folder = tmp_path / "code"
    folder.mkdir(exist_ok=True)
    (folder / "fednet.yaml").write_text(f"entry_points: {{train: {{command: {command}}}}}\n")
    create_package(folder, tmp_path / "package.tgz")
    return store.put((tmp_path / "package.tgz").read_bytes())


def test_a_model_is_fetched_once(files, store):
    """A model is known by its digest, whatever its id."""
    ref = store.put(b"model")

    assert files.model(ref, ".npz").read_bytes() == b"model"
    assert files.model(ref, ".npz").read_bytes() == b"model"
    assert store.fetched == [ref.digest]


def test_what_an_earlier_process_fetched_is_used(files, store, tmp_path):
    """A restart costs no transfer."""
    ref = store.put(b"model")
    files.model(ref, ".npz")

    Files(tmp_path / "files", store.fetch).model(ref, ".npz")

    assert store.fetched == [ref.digest]


def test_what_an_earlier_process_left_broken_is_fetched_again(files, store, tmp_path):
    """A power cut may leave a name without its bytes."""
    ref = store.put(b"model")
    files.model(ref, ".npz").write_bytes(b"")

    assert Files(tmp_path / "files", store.fetch).model(ref, ".npz").read_bytes() == b"model"


def test_the_longest_unused_make_room(files, store):
    """The client holds as many files as the limit says."""
    refs = [store.put(bytes([number])) for number in range(limits.client_models_max + 1)]
    for ref in refs[:-1]:
        files.model(ref, ".npz")
    files.model(refs[0], ".npz")

    paths = [files.model(refs[-1], ".npz"), files.model(refs[0], ".npz")]

    assert all(path.exists() for path in paths)
    assert len(list(paths[0].parent.parent.iterdir())) == limits.client_models_max
    files.model(refs[1], ".npz")
    assert store.fetched.count(refs[1].digest) == 2


def test_broken_transfers_do_not_pile_up(files, tmp_path):
    """Leftovers of broken transfers count as files."""
    for number in range(20):
        with pytest.raises(Unavailable):
            files.model(ref_of(bytes([number])), ".npz")

    assert len(list((tmp_path / "files").rglob("*.part"))) <= limits.client_models_max


def test_packages_are_unpacked_once_and_bounded(files, store, tmp_path):
    """Archives and unpacked folders are both bounded."""
    commands = [f"run{number}" for number in range(limits.client_packages_max + 2)]
    for command in commands:
        ref = package_ref(store, tmp_path, command)
        unpacked, manifest = files.package(ref)
        assert (unpacked.folder / "fednet.yaml").exists()
        assert manifest.entry_points == {"train": command}
        again, _ = files.package(ref)
        assert again.folder == unpacked.folder

    assert len(list((tmp_path / "files" / "packages").iterdir())) == limits.client_packages_max
    assert len(store.fetched) == len(commands)


@pytest.mark.usefixtures("ordinary_user")
def test_a_package_whose_code_has_closed_folders_is_unpacked_anew_and_makes_room(
    files, store, tmp_path
):
    """An agent is rarely root, so it must open them first."""
    for number in range(limits.client_packages_max + 2):
        ref = package_ref(store, tmp_path, f"run{number}")
        unpacked, _ = files.package(ref)
        (unpacked.folder / "data" / "deep").mkdir(parents=True)
        (unpacked.folder / "data").chmod(0o555)
        again, _ = files.package(ref)
        assert [path.name for path in again.folder.iterdir()] == ["fednet.yaml"]
        (unpacked.folder / "data" / "deep").mkdir(parents=True)
        (unpacked.folder / "data").chmod(0o555)

    assert len(list((tmp_path / "files" / "packages").iterdir())) == limits.client_packages_max


@pytest.mark.parametrize("digest", ["", "..", "../../x", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_a_digest_that_is_none_never_becomes_a_path(files, digest):
    """The combiner's word is checked as well."""
    with pytest.raises(InvalidInput, match="Invalid digest"):
        files.model(BlobRef("MODEL", "an-id", Digest(Algorithm.SHA256, digest, 1)), ".npz")

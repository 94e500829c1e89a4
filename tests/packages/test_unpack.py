"""Unpacking a package into its folder."""

import tarfile
import zipfile

import pytest

from fednet.errors import InvalidPackage
from fednet.packages import create_package, inspect_package, unpack_package


def test_it_returns_the_manifest(source, tmp_path):
    """The same as a look inside gives."""
    create_package(source, tmp_path / "a.tgz")

    manifest = unpack_package(tmp_path / "a.tgz", tmp_path / "deep/out")

    assert manifest == inspect_package(tmp_path / "a.tgz")


def test_a_folder_with_content_stays_as_it_is(source, tmp_path):
    """Unpacking twice does nothing the second time."""
    create_package(source, tmp_path / "a.tgz")
    unpack_package(tmp_path / "a.tgz", tmp_path / "out")
    (tmp_path / "out/train.py").write_text("kept")

    unpack_package(tmp_path / "a.tgz", tmp_path / "out")

    assert (tmp_path / "out/train.py").read_text() == "kept"


def test_an_empty_folder_is_filled(source, tmp_path):
    """A folder that somebody prepared is no package yet."""
    create_package(source, tmp_path / "a.tgz")
    (tmp_path / "out").mkdir()

    unpack_package(tmp_path / "a.tgz", tmp_path / "out")

    assert (tmp_path / "out/train.py").exists()


def test_nothing_but_the_folder_is_left(source, tmp_path):
    """The temporary folder has become the folder."""
    create_package(source, tmp_path / "a.tgz")

    unpack_package(tmp_path / "a.tgz", tmp_path / "place/out")

    assert [path.name for path in (tmp_path / "place").iterdir()] == ["out"]


def test_a_zip_file_unpacks(tmp_path):
    """Zip files come from elsewhere and work as well."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("p/fedn.yaml", "entry_points: {train: {command: x}}")
        archive.writestr("p/lib/", "")
        archive.writestr("p/lib/data.txt", "1" * 100_000)

    manifest = unpack_package(tmp_path / "a.zip", tmp_path / "out")

    assert (tmp_path / "out" / manifest.folder / "lib/data.txt").stat().st_size == 100_000


def test_links_inside_the_package_work(make_tar, tmp_path):
    """Symbolic and hard links to members are kept."""
    symbolic, hard = tarfile.TarInfo("a/symbolic"), tarfile.TarInfo("hard")
    symbolic.type, symbolic.linkname = tarfile.SYMTYPE, "../..also"
    also = tarfile.TarInfo("..also")
    also.type, also.linkname = tarfile.SYMTYPE, "fednet.yaml"
    hard.type, hard.linkname = tarfile.LNKTYPE, "fednet.yaml"

    unpack_package(make_tar((also, b""), (symbolic, b""), (hard, b"")), tmp_path / "out")

    assert (tmp_path / "out/a/symbolic").read_text() == (tmp_path / "out/hard").read_text()


def test_set_user_id_is_not_kept(make_tar, tmp_path):
    """Of a mode only the right to run counts."""
    header = tarfile.TarInfo("tool")
    header.mode = 0o6777

    unpack_package(make_tar((header, b"x")), tmp_path / "out")

    assert (tmp_path / "out/tool").stat().st_mode & 0o7777 == 0o755


def test_a_refused_package_leaves_nothing(make_tar, tmp_path):
    """Neither the folder nor a temporary one; what this link leads to is known on disk only."""
    up, out = tarfile.TarInfo("d/e/up"), tarfile.TarInfo("d/e/out")
    up.type, up.linkname = tarfile.SYMTYPE, ".."
    out.type, out.linkname = tarfile.SYMTYPE, "up/../.."

    with pytest.raises(InvalidPackage, match="link 'd/e/out' in the package leads to"):
        unpack_package(make_tar((up, b""), (out, b"")), tmp_path / "place/out")

    assert list((tmp_path / "place").iterdir()) == []

"""The contents of packages: one canonical list for all archives that unpack alike."""

import io
import tarfile
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from fednet.packages import create_package, read_contents

FILES = {"fednet.yaml": b"entry_points: {train: {command: x}}", "a/b.py": b"1", "c.sh": b"2"}


def write_tar(path, names):
    with tarfile.open(path, "w") as archive:
        for name in names:
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(FILES[name]), 0o755 if name == "c.sh" else 0o640
            archive.addfile(header, io.BytesIO(FILES[name]))
    return path


def test_the_list_does_not_depend_on_the_form_of_the_archive(tmp_path):
    """A tar and a zip of the same files, in another order, have the same list."""
    tar = write_tar(tmp_path / "a.tar", ["c.sh", "a/b.py", "fednet.yaml"])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in FILES.items():
            header = zipfile.ZipInfo(name)
            header.external_attr = (0o100755 if name == "c.sh" else 0o100600) << 16
            archive.writestr(header, content)

    found = [read_contents(path).canonical_list for path in (tar, tmp_path / "a.zip")]

    assert found[0] == found[1]
    assert b'["file","755",1,' in found[0]


def test_the_list_has_a_line_for_each_member(source, tmp_path):
    """Path, mode, size, digest and target are in it."""
    (source / "link").symlink_to("train.py")
    create_package(source, tmp_path / "package.tgz")

    lines = read_contents(tmp_path / "package.tgz").canonical_list.decode().splitlines()

    assert lines[0] == "fednet package contents 1"
    assert [line.split(",")[0] for line in lines[1:]] == ['["file"'] * 2 + [
        '["symbolic link"',
        '["file"',
    ]
    assert lines[3] == '["symbolic link","644",0,"","link","train.py"]'


names = st.text(st.characters(exclude_characters="/\\\0", codec="utf-8"), min_size=1, max_size=8)


@given(st.lists(names, unique=True, max_size=4), st.lists(names, unique=True, max_size=4))
def test_different_members_never_have_the_same_list(tmp_path_factory, some, others):
    """No name can look like the end of a line, or like another field."""
    folder = tmp_path_factory.mktemp("archives")
    lists = []
    for number, chosen in enumerate((some, others)):
        wanted = [name for name in chosen if name not in {".", ".."}]
        path = folder / f"{number}.tar"
        with tarfile.open(path, "w") as archive:
            for name in wanted:
                archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        lists.append((set(wanted), read_contents(path).canonical_list))

    assert (lists[0][0] == lists[1][0]) == (lists[0][1] == lists[1][1])


def test_a_link_has_no_size_in_the_list(tmp_path):
    """A zip keeps the target of a link as its content; a signature must hold for the tgz that is made of it, too."""
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("file", b"content")
        archive.writestr(link, "file")
    header = tarfile.TarInfo("link")
    header.type, header.linkname = tarfile.SYMTYPE, "file"
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        file = tarfile.TarInfo("file")
        file.size = 7
        archive.addfile(file, io.BytesIO(b"content"))
        archive.addfile(header)

    found = [read_contents(tmp_path / name).canonical_list for name in ("a.zip", "a.tar")]

    assert found[0] == found[1]
    assert b'["symbolic link","644",0,"","link","file"]' in found[0]

"""The files of a folder that a package has, and those that stay with the author."""

import os
import tarfile

import pytest

from fednet import limits
from fednet.errors import InvalidInput, InvalidPackage
from fednet.packages import create_package


@pytest.fixture
def project(tmp_path):
    """A folder with a manifest and the code of one task."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "fednet.yaml").write_text("entry_points: {train: {command: python train.py}}\n")
    (folder / "train.py").write_text("import tools\n")
    return folder


@pytest.fixture
def add(project):
    """Writes a file of the project."""

    def write(path, content=b"x"):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_bytes(content)

    return write


@pytest.fixture
def packed(project, tmp_path):
    """Packs the project; returns the paths in it without those of the fixture, and the reasons by path."""

    def pack(*include):
        made = create_package(project, tmp_path / "made.tgz", include)
        with tarfile.open(tmp_path / "made.tgz") as archive:
            sizes = {member.name: member.size for member in archive}
        assert {file.path: file.size_bytes for file in made.files} == sizes
        reasons = {each.path: each.reason for each in made.left_out}
        return sorted(sizes.keys() - {"fednet.yaml", "train.py"}), reasons

    return pack


@pytest.mark.parametrize(
    ("path", "shown", "reason"),
    [
        ("data/patients.csv", "data/", "data"),
        ("lib/Data/scan-1.png", "lib/", "data"),
        ("patients.CSV", "patients.CSV", "data"),
        ("lib/records.parquet", "lib/", "data"),
        ("scans/head.nii.gz", "scans/", "data"),
        (".env", ".env", "credentials"),
        (".ENV", ".ENV", "credentials"),
        ("deploy/production.env", "deploy/", "credentials"),
        ("lib/id_rsa", "lib/", "credentials"),
        ("server.key", "server.key", "credentials"),
        ("secrets.yaml", "secrets.yaml", "credentials"),
        ("my-credentials.json", "my-credentials.json", "credentials"),
        (".ssh/config", ".ssh/", "credentials"),
        (".idea/workspace.xml", ".idea/", "a hidden file"),
        (".bash_history", ".bash_history", "a hidden file"),
        (".venv/bin/activate", ".venv/", "an environment"),
        ("venv/lib/x.py", "venv/", "an environment"),
        ("my-python/pyvenv.cfg", "my-python/", "an environment"),
        ("my-conda/conda-meta/history", "my-conda/", "an environment"),
        ("node_modules/x/index.js", "node_modules/", "an environment"),
        ("lib/__pycache__/x.pyc", "lib/", "a cache"),
        (".git/config", ".git/", "version control"),
        (".git", ".git", "version control"),
        (".svn/entries", ".svn/", "version control"),
    ],
)
def test_private_files_stay_with_their_author(add, packed, path, shown, reason):
    """Data, secrets, environments, caches and version control are left out, with the reason."""
    add(path)

    assert packed() == ([], {shown: reason})


@pytest.mark.parametrize(
    "path",
    ["data.py", "data/__init__.py", "datasets/loader.py", "lib/secrets.py", "vocabulary.txt",
     "config.json", "requirements.txt", "env/gym.py", "weights.npz"],
)  # fmt: skip
def test_code_and_small_files_are_packed(add, packed, path):
    """A module named like data is code, and a small text is no data."""
    add(path)

    assert packed() == ([path], {})


def test_a_large_file_in_a_format_of_data_is_left_out(add, packed, monkeypatch):
    """A short text is packed, a long one is not."""
    monkeypatch.setattr(limits, "package_data_file_bytes_max", 10)
    add("short.json", b"x" * 10)
    add("long.json", b"x" * 11)

    assert packed() == (["short.json"], {"long.json": "a large file of data"})


def test_a_large_folder_without_code_is_left_out(add, packed, monkeypatch):
    """Images count as data by their sum; a folder with code is no data."""
    monkeypatch.setattr(limits, "package_data_folder_bytes_max", 10)
    for folder in ("images/a", "images/b"):
        add(f"{folder}/1.png", b"x" * 6)
    add("library/logo.png", b"x" * 20)
    add("library/tool.py")

    assert packed() == (
        ["library/logo.png", "library/tool.py"],
        {"images/": "a large folder without code"},
    )


@pytest.mark.parametrize("name", [".fednignore", ".fednetignore"])
def test_an_ignore_file_leaves_files_out(add, packed, name):
    """It has the syntax of gitignore, also if it was written on Windows, and is itself not packed."""
    add(name, b"\xef\xbb\xbf*.md\r\n# a comment\r\n/notes/\r\n!keep.md\r\n")
    for path in ("readme.md", "keep.md", "notes/a.py", "lib/notes/b.py"):
        add(path)

    assert packed() == (["keep.md", "lib/notes/b.py"], {"notes/": name, "readme.md": name})


def test_an_inner_ignore_file_has_precedence(add, packed):
    """Its patterns hold below its folder only."""
    add(".fednetignore", b"*.md\n")
    add("lib/.fednetignore", b"!*.md\n/tool.py\n")
    for path in ("a.md", "lib/a.md", "lib/tool.py", "tool.py"):
        add(path)

    assert packed() == (
        ["lib/a.md", "tool.py"],
        {"a.md": ".fednetignore", "lib/tool.py": "lib/.fednetignore"},
    )


def test_our_ignore_file_has_precedence_over_the_other_one(add, packed):
    """A package with both keeps what ours keeps."""
    add(".fednignore", b"*.md\n")
    add(".fednetignore", b"!a.md\n")
    add("a.md")

    assert packed() == (["a.md"], {})


def test_a_line_with_an_exclamation_mark_keeps_private_files(add, packed):
    """The author says so in the folder, once for all."""
    add(".fednetignore", b"!data/labels.csv\n!.streamlit/theme.toml\n")
    for path in ("data/labels.csv", "data/patients.csv", ".streamlit/theme.toml"):
        add(path)

    assert packed() == (
        [".streamlit/theme.toml", "data/labels.csv"],
        {"data/patients.csv": "data"},
    )


def test_include_overrides_all_rules(add, packed):
    """The person who packs has the last word."""
    add(".fednetignore", b"*.md\n")
    for path in ("a.md", "b.md", "data/labels.csv", ".env"):
        add(path)

    assert packed("a.md", "data/*.csv", ".env") == (
        [".env", "a.md", "data/labels.csv"],
        {"b.md": ".fednetignore"},
    )


def test_a_folder_that_is_kept_brings_no_secret(add, packed):
    """Its data is packed; a secret in it must be named."""
    for path in ("data/labels.csv", "data/.env", "data/id_rsa", "data/lib/x.csv"):
        add(path)

    assert packed("data/") == (
        ["data/labels.csv", "data/lib/x.csv"],
        {"data/.env": "credentials", "data/id_rsa": "credentials"},
    )
    assert packed("data/", "data/.env")[0] == ["data/.env", "data/labels.csv", "data/lib/x.csv"]


def test_a_list_of_what_is_wanted_brings_no_environment(add, packed):
    """The idiom `*` and `!*.py` means the author's own code."""
    add(".fednetignore", b"*\n!*/\n!*.py\n!fednet.yaml\n")
    for path in ("lib/a.py", "lib/b.txt", ".venv/lib/c.py", ".git/hooks/d.py"):
        add(path)

    assert packed()[0] == ["lib/a.py"]


def test_version_control_is_never_packed(add, packed):
    """It has the deleted secrets of years."""
    add(".git/config")

    assert packed(".git/", "*")[0] == []


def test_a_link_to_the_outside_may_be_left_out(project, packed, add, tmp_path):
    """A link that is left out is no reason to refuse the folder; its target is not read."""
    (tmp_path / "secret").write_text("x")
    (project / "outside").symlink_to(tmp_path / "secret")
    (project / ".venv").mkdir()
    (project / ".venv" / "python").symlink_to("/usr/bin/env")
    add(".fednetignore", b"/outside\n")

    assert packed() == ([], {".venv/": "an environment", "outside": ".fednetignore"})


def test_a_link_to_a_folder_is_not_followed(project, packed, add):
    """A link inside is packed as a link; its folder is sorted once."""
    add("lib/tool.py")
    (project / "alias").symlink_to("lib")

    assert packed() == (["alias", "lib/tool.py"], {})


def test_a_link_up_and_back_into_the_folder_is_refused(project, tmp_path):
    """A target is checked where it leads, also through a parent."""
    (project / "loop").symlink_to("../../etc")

    with pytest.raises(InvalidPackage, match="loop is a link to"):
        create_package(project, tmp_path / "made.tgz")


def test_a_pipe_is_refused(project, tmp_path):
    """To open it would wait for ever."""
    os.mkfifo(project / "pipe")

    with pytest.raises(InvalidPackage, match="pipe is a device or a pipe"):
        create_package(project, tmp_path / "made.tgz")


def test_a_manifest_that_is_left_out_is_named(add, project, tmp_path):
    """The message has the reason, and the line that helps."""
    add(".fednetignore", b"*.yaml\n")

    with pytest.raises(InvalidPackage, match=r"fednet\.yaml is left out \(\.fednetignore\)"):
        create_package(project, tmp_path / "made.tgz")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"!\n", b"x" * 2_000_000])
def test_an_invalid_ignore_file_is_refused(add, project, tmp_path, content):
    """A line that nobody understands could be the one that protects data."""
    add("lib/.fednetignore", content)

    with pytest.raises(InvalidPackage, match=r"lib/\.fednetignore"):
        create_package(project, tmp_path / "made.tgz")


def test_an_invalid_pattern_to_include_is_refused(project, tmp_path):
    """The message has the pattern."""
    with pytest.raises(InvalidInput, match="'!'"):
        create_package(project, tmp_path / "made.tgz", ["!"])


def test_the_target_is_left_out_by_whatever_path_it_is_given(project, tmp_path):
    """Also one with `..` or through a link to the folder."""
    (tmp_path / "alias").symlink_to(project)
    target = project / "package.tgz"
    first = create_package(project, target)

    assert create_package(project, tmp_path / "alias" / "package.tgz") == first
    assert create_package(project, tmp_path / "alias" / ".." / "project" / "package.tgz") == first

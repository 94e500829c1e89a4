"""The commands of a site's owner, with and without an agent."""

import json
import tarfile
from io import BytesIO

import pytest
from click.testing import CliRunner

from fednet import limits
from fednet.client.cli import client
from fednet.client.policy.subjects import package_subject, settings_subject
from fednet.client.policy.waiting import write_waiting
from fednet.digests import Algorithm, digest_of_file
from fednet.errors import FednetError

MANIFEST = b"entry_points: {train: {command: python train.py}}\nsettings: {rate: number}\n"


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a client whose agent has never run."""
    folder = tmp_path / "site" / "a"
    folder.mkdir(parents=True, mode=0o700)
    return folder


@pytest.fixture
def fetched(folder, tmp_path):
    """Return a function that makes a package of these files wait, and returns its digest."""

    def fetched(**files):
        made = tmp_path / "made.tgz"
        with tarfile.open(made, "w:gz") as archive:
            for name, content in {"fednet.yaml": MANIFEST, **files}.items():
                header = tarfile.TarInfo(name)
                header.size = len(content)
                archive.addfile(header, BytesIO(content))
        digest = digest_of_file(made, Algorithm.SHA256).value
        place = folder / "packages" / digest
        place.mkdir(parents=True, exist_ok=True)
        made.rename(place / "package")
        write_waiting(folder, [package_subject(digest)])
        return digest

    return fetched


@pytest.fixture
def run(folder):
    """Return a function that runs a command, and returns its output."""

    def run(*words):
        where = ("--data-dir", str(folder.parent), "--name", folder.name)
        return CliRunner().invoke(client, [*words, *where], catch_exceptions=False).stdout

    return run


def test_a_review_shows_everything_that_would_run(run, fetched):
    """Files with their sizes, commands, declared settings, and each line of a first package."""
    digest = fetched(**{"train.py": b"print('trains')\n"})

    shown = run("review", digest)

    assert "train.py" in shown
    assert "16" in shown
    assert "python train.py" in shown
    assert '"rate": "number"' in shown
    assert "+print('trains')" in shown
    assert "There is no approved package to compare with" in shown


def test_a_review_shows_the_changes_since_the_last_approved_package(run, fetched):
    """Also when the client does not hold that one any more."""
    first = fetched(**{"train.py": b"one\ntwo\n", "same.py": b"same\n"})
    run("approve", first)
    second = fetched(**{"train.py": b"one\n2\n", "same.py": b"same\n", "new.bin": b"\0\1"})

    facts = json.loads(run("review", second, "--json"))

    assert facts["against"] == first
    assert [line for line in facts["diff"] if line[:1] in "+-"] == [
        "--- a/train.py",
        "+++ b/train.py",
        "-two",
        "+2",
    ]
    assert any(line.startswith("new.bin: none -> 2 bytes, sha256") for line in facts["diff"])
    assert not any("same" in line for line in facts["diff"])


def test_a_package_whose_archive_cannot_be_kept_is_not_approved(run, fetched, folder):
    """The command fails as a whole; the package approved before stays the one to compare with."""
    first = fetched(**{"train.py": b"one\n"})
    run("approve", first)
    second = fetched(**{"train.py": b"two\n"})
    (folder / "approved" / second).mkdir()
    with pytest.raises(FednetError):
        run("approve", second)
    (folder / "approved" / second).rmdir()

    facts = json.loads(run("review", second, "--json"))

    assert [each["digest"] for each in json.loads(run("approvals", "--json"))["decisions"]] == [
        first
    ]
    assert facts["against"] == first


def test_a_review_is_against_the_newest_approved_package(run, fetched):
    """After a revocation, against the one before."""
    first, second, third = (fetched(**{"train.py": b"%d" % number}) for number in range(3))
    run("approve", first)
    run("approve", second)
    newest = json.loads(run("review", third, "--json"))["against"]
    run("revoke", second)

    assert newest == second
    assert json.loads(run("review", third, "--json"))["against"] == first


def test_a_review_cannot_be_deceived_by_control_characters(run, fetched):
    """Neither by those of a terminal, nor by those that reorder text."""
    digest = fetched(**{"train.py": "a\x1b[2Kb \u202e c".encode()})

    shown = run("review", digest)

    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "+a\\x1b[2Kb \\u202e c" in shown


def test_a_review_is_bounded(run, fetched):
    """One line more than is shown, and one character more."""
    digest = fetched(
        **{
            "a.py": b"x" * (limits.review_line_characters_max + 1),
            "b.py": b"\n" * limits.review_file_lines_max,
        }
    )

    diff = json.loads(run("review", digest, "--json"))["diff"]

    assert len(diff) == limits.review_lines_max + 1
    assert "left out" in diff[-1]
    assert max(map(len, diff)) < limits.review_line_characters_max + 50


def test_a_file_that_is_too_long_is_shown_by_its_digest(run, fetched):
    """One byte more than is compared."""
    digest = fetched(**{"a.txt": b"x" * (limits.review_file_bytes_max + 1)})

    diff = json.loads(run("review", digest, "--json"))["diff"]

    assert any(line.startswith("a.txt: none -> ") for line in diff)
    assert "+++ b/a.txt" not in diff


def test_approvals_lists_what_waits_and_what_was_decided(run, fetched, folder):
    """With the time, the user, and the facts that were approved."""
    digest = fetched(**{"train.py": b""})
    settings = settings_subject("s", digest, {"layers": 3})
    write_waiting(folder, [package_subject(digest), settings])
    before = json.loads(run("approvals", "--json"))
    run("approve", digest)
    run("revoke", settings.digest)

    after = json.loads(run("approvals", "--json"))["decisions"]
    table = run("approvals")

    assert [each["digest"] for each in before["waiting"]] == [digest, settings.digest]
    assert [(each["digest"], each["is_approved"]) for each in after] == [
        (digest, True),
        (settings.digest, False),
    ]
    assert after[0]["seen"]["commands"] == {"train": "python train.py"}
    assert after[0]["by"]
    assert "approved" in table
    assert "revoked" in table


def test_settings_are_reviewed_with_their_values(run, folder):
    """And with the session that gives them."""
    settings = settings_subject("s", "", {"layers": 3})
    write_waiting(folder, [settings])

    facts = json.loads(run("review", "--latest", "--json"))

    assert (facts["kind"], facts["settings"], facts["session_id"]) == (
        "settings",
        {"layers": 3},
        "s",
    )


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("review", "0" * 64), "digest"),
        (("review", "../../x"), "digest"),
        (("approve", "0" * 64), "digest"),
        (("review", "--latest", "0" * 64), "digest"),
        (("review",), "digest"),
        (("revoke", "x"), "digest"),
    ],
)
def test_a_digest_that_is_unknown_or_none_is_refused(run, words, field):
    """The error names the argument."""
    with pytest.raises(FednetError) as caught:
        run(*words)
    assert caught.value.field == field


@pytest.mark.parametrize("words", [("approve",), ("approve", "--latest"), ("revoke",)])
def test_a_decision_names_its_digest(run, fetched, words):
    """Another package may have come after the review, and its code must not run unseen."""
    fetched(**{"train.py": b""})

    run(*words)

    assert json.loads(run("approvals", "--json"))["decisions"] == []


def test_a_damaged_package_cannot_be_approved(run, fetched, folder):
    """The owner would not see what the agent runs."""
    digest = fetched(**{"train.py": b""})
    with (folder / "packages" / digest / "package").open("ab") as file:
        file.write(b"x")

    for word in ("review", "approve"):
        with pytest.raises(FednetError):
            run(word, digest)
    assert json.loads(run("approvals", "--json"))["decisions"] == []


def test_a_client_that_is_not_there_is_named(tmp_path):
    """A wrong folder must not look like one without approvals."""
    words = ["approvals", "--data-dir", str(tmp_path), "--name", "nobody"]

    with pytest.raises(FednetError) as caught:
        CliRunner().invoke(client, words, catch_exceptions=False)
    assert "nobody" in caught.value.message

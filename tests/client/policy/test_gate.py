"""The gate before each task, without a network."""

import gzip
import shutil

import pytest

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.client.files import Files
from fednet.client.policy.approvals import Approvals, OwnersDecision
from fednet.client.policy.gate import Gate
from fednet.client.policy.site import Site
from fednet.client.policy.subjects import package_subject
from fednet.client.policy.waiting import read_waiting
from fednet.client.tasks import Task
from fednet.digests import Algorithm, digest_of_file
from fednet.errors import AwaitsApproval, FailedPrecondition
from fednet.packages import create_package, declared_settings
from fednet.readiness import Approval
from fednet.settings import ClientSettings


class Place:
    """A gate with a folder, and what it has told."""

    def __init__(self, folder, archives, takes=None):
        self.folder, self.archives, self.takes = folder, archives, takes
        self.told, self.reports = [], []
        self.files = Files(folder, self.fetch)

    def gate(self, **settings):
        given = {"name": "a", "api_url": "http://127.0.0.1:1", **settings}
        own = None if self.takes is None else declared_settings(self.takes)
        return Gate(
            ClientSettings(**given),
            self.folder,
            self.files,
            own,
            self.told.append,
            self.reports.append,
        )

    def fetch(self, ref, path):
        path.write_bytes(self.archives[ref.digest].read_bytes())

    def decide(self, digest, *, is_approved=True):
        Approvals(self.folder).decide(OwnersDecision(digest, is_approved, "now", "ada"))


@pytest.fixture
def place(tmp_path):
    """Return a place for package mode, and a task for each of its packages."""
    archives = {}
    for number in range(limits.client_packages_max + 1):
        source = tmp_path / f"{number}"
        source.mkdir()
        (source / "fednet.yaml").write_text(f"entry_points: {{train: {{command: run{number}}}}}")
        create_package(source, tmp_path / f"{number}.tgz")
        digest = digest_of_file(tmp_path / f"{number}.tgz", Algorithm.SHA256)
        archives[digest] = tmp_path / f"{number}.tgz"
    (tmp_path / "a").mkdir()
    return Place(tmp_path / "a", archives)


def task(digest=None, session="s", **settings):
    package = BlobRef("PACKAGE", "p", digest) if digest else None
    model = BlobRef("MODEL", "m", digest)
    return Task("t", "TRAIN", model, package, 1, "numpyhelper", settings, None, session_id=session)


def test_a_waiting_package_is_told_once(place):
    """To the network's log and to the combiner, however often it is asked for."""
    digest = next(iter(place.archives))
    gate = place.gate()
    for _ in range(3):
        with pytest.raises(AwaitsApproval):
            gate.admit(task(digest))

    assert place.told == [[], [Approval(digest.value)]]
    assert len(place.reports) == 1


def test_the_owners_decisions_count_from_the_moment_they_are_written(place):
    """Also for a task that runs, and without a ring."""
    digest = next(iter(place.archives))
    gate = place.gate()
    place.decide(digest.value)
    gate.admit(task(digest))
    with pytest.raises(AwaitsApproval), gate.guarding(task(digest)):
        place.decide(digest.value, is_approved=False)


def test_a_ring_tells_if_the_code_of_the_last_task_must_end(place):
    """Decisions about other packages end nothing, and a task that was not admitted has no code."""
    digest, other, *_ = place.archives
    gate = place.gate(policy="any")
    with gate.guarding(task(digest)):
        pass
    place.decide(other.value, is_approved=False)
    with pytest.raises(AwaitsApproval):
        gate.admit(task(other))
    before = gate.look_again()
    place.decide(digest.value, is_approved=False)

    assert (before, gate.look_again()) == (None, task(digest))
    assert place.told[-1] == [Approval(other.value), Approval(digest.value)]


def test_a_revoked_package_is_refused_however_it_is_packed(place, tmp_path):
    """Anybody can pack its files anew, and its signatures hold; the owner may approve the new archive all the same."""
    digest = next(iter(place.archives))
    repacked = tmp_path / "repacked.tar"
    repacked.write_bytes(gzip.decompress(place.archives[digest].read_bytes()))
    other = digest_of_file(repacked, Algorithm.SHA256)
    place.archives[other] = repacked
    gate, owner = place.gate(policy="any"), Site(place.folder)
    for each in (digest, other):
        gate.admit(task(each))
    owner.revoke(digest.value)
    for each in (digest, other):
        with pytest.raises(AwaitsApproval):
            gate.admit(task(each))
    owner.approve(other.value)

    gate.admit(task(other))
    with pytest.raises(AwaitsApproval):
        gate.admit(task(digest))


def test_a_package_that_is_not_here_any_more_is_revoked_by_its_contents_too(place, tmp_path):
    """They are known from its approval."""
    digest = next(iter(place.archives))
    repacked = tmp_path / "repacked.tar"
    repacked.write_bytes(gzip.decompress(place.archives[digest].read_bytes()))
    other = digest_of_file(repacked, Algorithm.SHA256)
    place.archives[other] = repacked
    gate, owner = place.gate(policy="any"), Site(place.folder)
    gate.admit(task(digest))
    owner.approve(digest.value)
    shutil.rmtree(place.folder / "packages")
    owner.revoke(digest.value)

    with pytest.raises(AwaitsApproval):
        gate.admit(task(other))


def test_a_package_that_made_room_waits_no_more(place):
    """Nobody could review it, so sessions ask for it again."""
    digests = list(place.archives)
    gate = place.gate()
    for digest in digests:
        with pytest.raises(AwaitsApproval):
            gate.admit(task(digest))

    assert place.told[-1] == [Approval(each.value) for each in digests[1:]]


def test_the_next_process_waits_for_the_same(place):
    """Except for what was approved meanwhile, and under the policy `any`."""
    digest, other, *_ = place.archives
    first = place.gate()
    for each in (digest, other):
        with pytest.raises(AwaitsApproval):
            first.admit(task(each))
    place.told.clear()
    place.decide(other.value)
    place.gate()
    pinned, waiting = place.told[-1], read_waiting(place.folder)
    place.gate(policy="any")

    assert pinned == [Approval(digest.value)]
    assert waiting == [package_subject(digest.value)]
    assert place.told[-1] == []
    assert read_waiting(place.folder) == []


def test_without_a_bell_the_network_is_told_of_nothing_that_waits(place):
    """So sessions ask again, and the owner's decision counts with the next task."""
    digest, other, *_ = place.archives
    gate = place.gate()
    with pytest.raises(AwaitsApproval):
        gate.admit(task(digest))
    gate.tell_nothing()
    with pytest.raises(AwaitsApproval):
        gate.admit(task(other))

    assert place.told[-1] == []
    assert [each.digest for each in read_waiting(place.folder)] == [digest.value, other.value]


def test_the_newest_waiting_subjects_are_kept(place):
    """One more than the limit: the oldest is forgotten."""
    place.takes = {}
    gate = place.gate()
    for number in range(limits.awaited_approvals_max + 1):
        with pytest.raises(AwaitsApproval):
            gate.admit(task(next(iter(place.archives)), session=f"s{number}", x=number))

    assert [each.session_id for each in place.told[-1]] == [
        f"s{number}" for number in range(1, limits.awaited_approvals_max + 1)
    ]


def test_an_agent_does_not_start_with_damaged_approvals(place):
    """It would not know what was revoked."""
    (place.folder / "approvals.json").write_text("damaged")
    (place.folder / "waiting.json").write_text('{"format": 1, "waiting": []}')

    with pytest.raises(FailedPrecondition):
        place.gate()

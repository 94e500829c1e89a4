"""The gate before each task: only packages and settings that the site's policy allows pass."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fednet.errors import AwaitsApproval, InvalidInput
from fednet.identity import read_trusted_keys
from fednet.packages import DeclaredSetting, PackageContents, signers_of
from fednet.readiness import Approval
from fednet.settings import ClientSettings

from ..files import Files
from ..tasks import Task
from .approvals import Approvals, approved_and_revoked
from .rules import is_allowed
from .subjects import Subject, package_subject, settings_subject, undeclared
from .waiting import read_waiting, with_subject, write_waiting

_log = logging.getLogger(__name__)


class Gate:
    """The gate of one client. It is asked before, during and after each task; the answer may change at any time.

    Args:
        settings: The client's settings.
        folder: The client's folder.
        files: The packages.
        own: The settings that the site's own code takes; None in package mode, in which packages declare theirs.
        tell: Called with the approvals that the client awaits, when they change.
        report: Writes a line into the network's log.

    Raises:
        InvalidInput: The policy is `signed`, but no key is trusted.
        FailedPrecondition: The file of approvals is damaged.
    """

    def __init__(
        self,
        settings: ClientSettings,
        folder: Path,
        files: Files,
        own: Mapping[str, DeclaredSetting] | None,
        tell: Callable[[Sequence[Approval]], None],
        report: Callable[[str], None],
    ) -> None:
        self._policy = settings.policy
        self._keys_file = settings.trusted_keys
        self._folder = folder
        self._files = files
        self._own = own
        self._tell = tell
        self._report = report
        self._approvals = Approvals(folder)
        self._lock = threading.Lock()
        self._is_telling = True
        # The last task whose code might run, with its subjects.
        self._guarded: tuple[Task | None, list[Subject]] = None, []
        self._signers = "", frozenset[str]()  # the digest of the last package, and its signers
        if self._policy == "signed" and not self._trusted():
            raise InvalidInput(
                "The policy `signed` needs keys: give --trusted-keys a file or folder with the public keys "
                "(PEM) of the authors whose packages may run here.",
                field="trusted_keys",
            )
        self._waiting = read_waiting(folder)
        with self._lock:
            self._keep(self._refused(self._waiting))
            self._tell_awaited()

    def admit(self, task: Task) -> None:
        """Let a task pass; note the package or the settings that wait for an approval.

        Raises:
            AwaitsApproval: The policy does not allow the task's package, or its settings.
            InvalidPackage: The package is invalid.
            FednetError: The package cannot be fetched.
        """
        self._check(self._needed(task))

    @contextmanager
    def guarding(self, task: Task) -> Iterator[None]:
        """Let a task pass before and after the block, in which its code runs; both times see `admit`.

        So the end of code that was revoked meanwhile is an awaited approval, and its answer stays here.
        """
        needed = self._needed(task)
        with self._lock:
            self._guarded = task, needed  # before the decisions are read: a later one finds it here
        self._check(needed)
        try:
            yield
        finally:
            self._check(needed)

    def tell_nothing(self) -> None:
        """Let sessions ask for what waits: an agent that no owner can tell learns of decisions with its tasks only."""
        with self._lock:
            self._is_telling = False
            self._tell_awaited()

    def look_again(self) -> Task | None:
        """Take in the owner's decisions; return the last task that was guarded if its code must end.

        A later task sees these decisions itself.
        """
        with self._lock:
            self._keep(self._refused(self._waiting))
            task, needed = self._guarded
        refused = self._refused(needed)
        for subject in refused:
            self._await(subject)
        return task if refused else None

    def _check(self, needed: list[Subject]) -> None:
        if refused := self._refused(needed):
            self._await(refused[0])
            raise AwaitsApproval(_problem(refused[0]))

    def _needed(self, task: Task) -> list[Subject]:
        if self._own is not None:
            return self._settings_of(task, "", self._own)
        if task.package is None:
            return []
        contents, manifest = self._files.contents(task.package)
        self._forget_evicted()
        digest = task.package.digest.value
        package = package_subject(digest, self._signers_of(digest, contents), contents.sha256)
        return [package, *self._settings_of(task, digest, manifest.settings)]

    def _signers_of(self, digest: str, contents: PackageContents) -> frozenset[str]:
        """Return the keys that have signed a package; only the policy `signed` asks for them."""
        if self._policy != "signed":
            return frozenset()
        if self._signers[0] != digest:
            self._signers = digest, signers_of(contents)
        return self._signers[1]

    def _settings_of(
        self, task: Task, package: str, declared: Mapping[str, DeclaredSetting]
    ) -> list[Subject]:
        settings = undeclared(task.settings, declared)
        return [settings_subject(task.session_id, package, settings)] if settings else []

    def _refused(self, subjects: Sequence[Subject]) -> list[Subject]:
        approved, revoked = approved_and_revoked(self._approvals.decisions())
        trusted = self._trusted() if self._policy == "signed" else frozenset()
        return [
            each
            for each in subjects
            if not is_allowed(
                each, self._policy, approved=approved, revoked=revoked, trusted=trusted
            )
        ]

    def _trusted(self) -> frozenset[str]:
        return frozenset(read_trusted_keys(self._keys_file)) if self._keys_file else frozenset()

    def _await(self, subject: Subject) -> None:
        """Note that a subject waits, unless it does already, or the owner has just approved it."""
        with self._lock:
            is_new = subject not in self._waiting and bool(self._refused([subject]))
            if is_new:
                self._keep(with_subject(self._waiting, subject))
        if is_new:
            _log.warning("%s", _problem(subject))
            self._report(_problem(subject))

    def _forget_evicted(self) -> None:
        """Forget packages that made room for others: nobody can review them, so let sessions ask for them again."""
        with self._lock:
            self._keep(
                [
                    each
                    for each in self._waiting
                    if not each.is_package or self._files.has_package(each.digest)
                ]
            )

    def _keep(self, waiting: list[Subject]) -> None:
        """Keep the waiting subjects, then tell the network. The caller holds the lock."""
        if waiting == self._waiting:
            return
        self._waiting = waiting
        try:
            write_waiting(self._folder, waiting)
        except OSError as error:
            _log.warning("cannot write the waiting packages and settings: %s", error)
        self._tell_awaited()

    def _tell_awaited(self) -> None:
        told = self._waiting if self._is_telling else []
        self._tell([Approval(each.digest, each.session_id) for each in told])


def _problem(subject: Subject) -> str:
    digest = subject.digest
    declare = "" if subject.package else " Or declare them: fednet.Client(takes={…})."
    return (
        f"WAITING_APPROVAL: the owner of this site has not approved {subject}. Run `fednet client review {digest}` "
        f"at the site, then `fednet client approve {digest}`.{declare}"
    )

"""The folder of one client at a site, for the commands with which its owner decides."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.digests import Algorithm, Digest, is_value
from fednet.errors import FailedPrecondition, FednetError, InvalidInput, NotFound
from fednet.files import warn_of_others
from fednet.identity import read_trusted_keys
from fednet.packages import read_contents

from .approvals import Approvals, OwnersDecision
from .bell import ring
from .review import changes, package_facts, settings_facts
from .subjects import Subject, package_subject
from .waiting import read_waiting


class Site:
    """The decisions of one client's owner, while its agent runs or not.

    Args:
        folder: The client's folder.
        trusted_keys: The file or folder of keys that the site trusts; None without one.

    Raises:
        NotFound: There is no such folder.
    """

    def __init__(self, folder: Path, trusted_keys: Path | None = None) -> None:
        if not folder.is_dir():
            raise NotFound(
                f"There is no client in {folder}: give the --data-dir and the --name of the client.",
                field="data_dir",
            )
        self._folder = folder
        self._keys = trusted_keys
        self._approvals = Approvals(folder)

    def latest(self) -> str:
        """Return the digest that has waited for the shortest time.

        Raises:
            NotFound: Nothing waits.
        """
        if waiting := read_waiting(self._folder):
            return waiting[-1].digest
        raise NotFound("Nothing waits for an approval at this client.")

    def review(self, digest: str) -> tuple[dict[str, Any], list[str]]:
        """Return the facts about a package or settings, and the diff of a package against the one approved last.

        Raises:
            NotFound: The digest is unknown, or the client does not hold the package.
            InvalidPackage: The package is invalid.
        """
        subject = self._subject(digest)
        if not subject.is_package:
            return settings_facts(subject), []
        archive, earlier = self._archive(digest), self._approvals.last_archive()
        against = earlier.name if earlier else None
        return {**self._facts(subject), "against": against}, changes(archive, earlier)

    def approve(self, digest: str) -> OwnersDecision:
        """Approve a package or settings.

        Raises:
            NotFound: The digest is unknown, or the client does not hold the package.
            InvalidPackage: The package is invalid.
            FailedPrecondition: The folder cannot be written.
        """
        subject = self._subject(digest)
        facts = _kept_facts(self._facts(subject))
        decision = _decision(digest, facts, self._contents(digest), is_approved=True)
        # The archive first: an approved package without one could not be compared with the next.
        if subject.is_package:
            self._approvals.keep_archive(digest, self._archive(digest))
        self._approvals.decide(decision)
        return decision

    def revoke(self, digest: str) -> OwnersDecision:
        """Refuse a package or settings from now on, also what was never approved.

        A package is refused by its contents, too, however they are packed: they are known if the client holds the
        package, or if it was approved before.

        Raises:
            InvalidInput: The digest has another form.
            FailedPrecondition: The folder cannot be written.
        """
        _check(digest)
        earlier = next((each for each in self.decisions() if each.digest == digest), None)
        seen, known = (earlier.seen, earlier.contents) if earlier else ({}, "")
        contents = known or self._contents(digest)
        decision = _decision(digest, seen, contents, is_approved=False)
        self._approvals.decide(decision)
        return decision

    def decisions(self) -> list[OwnersDecision]:
        """Return all decisions, the oldest first."""
        return self._approvals.decisions()

    def waiting(self) -> list[Subject]:
        """Return the packages and settings that wait, the oldest first."""
        return read_waiting(self._folder)

    def tell_agent(self) -> bool:
        """Tell the running agent of a decision; return False if none runs."""
        warn_of_others(self._folder)
        return ring(self._folder)

    def _subject(self, digest: str) -> Subject:
        _check(digest)
        for subject in read_waiting(self._folder):
            if subject.digest == digest:
                return subject
        if self._archive_path(digest).is_file():
            return package_subject(digest)
        raise NotFound(
            f"This client knows no package and no settings with the digest {digest}: `fednet client "
            "approvals` lists what waits.",
            field="digest",
        )

    def _facts(self, subject: Subject) -> dict[str, Any]:
        if not subject.is_package:
            return settings_facts(subject)
        trusted = read_trusted_keys(self._keys) if self._keys else {}
        return package_facts(subject.digest, self._archive(subject.digest), trusted)

    def _contents(self, digest: str) -> str:
        """Return the digest of a package's contents; "" for settings, and for a package that is not here or invalid."""
        try:
            return read_contents(self._archive(digest)).sha256
        except (FednetError, OSError):
            return ""

    def _archive(self, digest: str) -> Path:
        """Return the package's file, checked against its digest."""
        path = self._archive_path(digest)
        if not path.is_file():
            raise NotFound(
                f"The client does not hold the package {digest} any more: it fetches it again with the next "
                "task.",
                field="digest",
            )
        if not Digest(Algorithm.SHA256, digest, path.stat().st_size).is_of_file(path):
            raise FailedPrecondition(
                f"{path} is not the package {digest}: restart the agent, which fetches it again."
            )
        return path

    def _archive_path(self, digest: str) -> Path:
        return self._folder / "packages" / digest / "package"


def _decision(
    digest: str, seen: dict[str, Any], contents: str, *, is_approved: bool
) -> OwnersDecision:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return OwnersDecision(digest, is_approved, now, _user(), seen, contents)


def _kept_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Return facts without a long list of files: the digest stands for it."""
    files = facts.get("files", [])
    if len(files) <= limits.seen_files_max:
        return facts
    return {**facts, "files": files[: limits.seen_files_max], "files_total": len(files)}


def _user() -> str:
    """Return the name of this process's user, or its number where it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _check(digest: str) -> None:
    if not is_value(digest):
        raise InvalidInput(
            f"Invalid digest {digest[:80]!r}: give the 64 hexadecimal digits of the SHA-256.",
            field="digest",
        )

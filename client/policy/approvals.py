"""The decisions of a site's owner about packages and settings, in the client's folder.

<folder>/approvals.json   who approved or revoked which digest, when, and the facts that were shown; written whole
        /approved/        the archives of the package that is approved now, and of the one before, for the next review
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.errors import FailedPrecondition, LimitExceeded
from fednet.files import PRIVATE, PRIVATE_FOLDER, whole_file, write_whole

_FORMAT = 1


@dataclass(frozen=True)
class OwnersDecision:
    """The last decision of a site's owner about one digest.

    Attributes:
        digest: The SHA-256 of the package, or of the settings.
        is_approved: False if the digest was revoked.
        at: The time, ISO 8601 in UTC.
        by: The user of this machine who decided.
        seen: The facts about the package or the settings that were approved; kept when they are revoked.
        contents: The SHA-256 of the list of the package's contents; "" for settings, and if it is not known.
    """

    digest: str
    is_approved: bool
    at: str
    by: str
    seen: dict[str, Any] = field(default_factory=dict)
    contents: str = ""

    @property
    def status(self) -> str:
        """`approved` or `revoked`."""
        return "approved" if self.is_approved else "revoked"


class Approvals:
    """The decisions of the owner, which outlive all processes. Several processes may write.

    Args:
        folder: The client's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "approvals.json"
        self._lock = folder / ".approvals.lock"
        self._archives = folder / "approved"

    def decisions(self) -> list[OwnersDecision]:
        """Return all decisions, one for each digest, the oldest first.

        Raises:
            FailedPrecondition: The file is damaged, or cannot be read.
        """
        try:
            return _decisions(json.loads(self._file.read_bytes()))
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FailedPrecondition(
                f"Cannot read the approvals in {self._file}: {error}. Restore the file, or delete it and "
                "approve again.",
                field="data_dir",
            ) from error

    def decide(self, decision: OwnersDecision) -> None:
        """Replace the earlier decision about a digest.

        Raises:
            LimitExceeded: There are too many decisions.
            FailedPrecondition: The folder cannot be written.
        """
        with self._locked():
            others = [each for each in self.decisions() if each.digest != decision.digest]
            if len(others) >= limits.owners_decisions_max:
                raise LimitExceeded(
                    f"{self._file} has {len(others)} decisions, and at most "
                    f"{limits.owners_decisions_max} are kept: delete old ones there."
                )
            decisions = [asdict(each) for each in [*others, decision]]
            content = json.dumps({"format": _FORMAT, "decisions": decisions}, indent=1).encode()
            write_whole(self._file, content, mode=PRIVATE, durable=True)

    def keep_archive(self, digest: str, archive: Path) -> None:
        """Keep the archive of a package that will be approved, beside that of the package that was approved last.

        Raises:
            FailedPrecondition: The folder cannot be written.
        """
        with self._locked():
            self._archives.mkdir(PRIVATE_FOLDER, exist_ok=True)
            target = self._archives / digest
            with archive.open("rb") as source, whole_file(target, mode=PRIVATE) as file:
                shutil.copyfileobj(source, file)
            kept = {target, self.last_archive()}
            for path in set(self._archives.iterdir()) - kept:
                path.unlink()

    def last_archive(self) -> Path | None:
        """Return the archive of the package that was approved last; None without one. Its name is its digest."""
        newest_first = reversed(self.decisions())
        kept = (self._archives / each.digest for each in newest_first if each.is_approved)
        return next(filter(Path.is_file, kept), None)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
            finally:
                os.close(lock)
        except OSError as error:
            raise FailedPrecondition(
                f"Cannot write the approvals in {self._file.parent}: {error.strerror}. Run the command as "
                "the user of the agent.",
                field="data_dir",
            ) from error


def approved_and_revoked(decisions: Sequence[OwnersDecision]) -> tuple[set[str], set[str]]:
    """Return the approved digests and the revoked ones.

    An approval covers one archive. A revocation covers all archives with the same contents, because anybody can pack
    them anew; a later approval of one of them takes it back for these contents.

    Args:
        decisions: All decisions, the oldest first.
    """
    approved: set[str] = set()
    revoked: set[str] = set()
    for each in decisions:
        digests = {each.digest, each.contents} - {""}
        if each.is_approved:
            approved.add(each.digest)
            revoked -= digests
        else:
            revoked |= digests
    return approved, revoked


def _decisions(document: Any) -> list[OwnersDecision]:
    """Read the file's document; raise ValueError, KeyError or TypeError if it has another form."""
    if document["format"] != _FORMAT:
        raise ValueError("it has another format")
    return [OwnersDecision(**each) for each in document["decisions"]]

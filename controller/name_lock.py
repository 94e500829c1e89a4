"""The right of one process to a controller's name in a data folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fednet import limits
from fednet.errors import FailedPrecondition
from fednet.files import PRIVATE, warn_of_others, write_whole
from fednet.processes import FolderLock, is_locked

from .records import new_id

_FOLDER = "controllers"
_MARK = "mark"
_ADDRESS = "address"


@dataclass(frozen=True)
class NameLock:
    """A name, and the lock on its folder.

    Attributes:
        name: The controller's name.
        mark: The folder's mark; another process with this mark had the lock before, and is dead.
        folder: The folder; its other files belong to this process.
    """

    name: str
    mark: str
    folder: Path
    _lock: FolderLock

    @classmethod
    def take(cls, data_dir: Path, name: str) -> NameLock:
        """Lock the folder of a name.

        Raises:
            FailedPrecondition: Another process has it, or the folder cannot be used.
        """
        folder = data_dir / _FOLDER / name
        lock = FolderLock(folder, f"controller {name}")
        warn_of_others(data_dir)
        return cls(name, _mark(folder / _MARK), folder, lock)

    @classmethod
    def take_free(cls, data_dir: Path, prefix: str) -> NameLock:
        """Lock the folder of the first free name among `prefix.1`, `prefix.2` and so on.

        Raises:
            FailedPrecondition: None of limits.folder_controllers_max is free.
        """
        for number in range(1, limits.folder_controllers_max):
            try:
                return cls.take(data_dir, f"{prefix}.{number}")
            except FailedPrecondition:
                continue
        return cls.take(data_dir, f"{prefix}.{limits.folder_controllers_max}")

    def announce(self, address: str) -> str:
        """Write down the address of this controller, for those who look for one in the data folder.

        Returns:
            The addresses of all controllers that run with the folder, separated by commas, this one's first.
        """
        write_whole(self.folder / _ADDRESS, address.encode(), mode=PRIVATE)
        return ",".join(dict.fromkeys([address, *self._others()]))

    def _others(self) -> list[str]:
        """Return the addresses of the other controllers that run with the data folder, in the order of their names."""
        folders = sorted(self.folder.parent.iterdir())
        others = [each for each in folders if each != self.folder and is_locked(each)]
        return [each for each in map(_address_in, others) if each]

    def release(self) -> None:
        """Release the name for the next process with this folder."""
        self._lock.release()


def _address_in(folder: Path) -> str:
    try:
        return (folder / _ADDRESS).read_text()
    except OSError:
        return ""  # it starts, and has no address yet


def _mark(path: Path) -> str:
    """Return the folder's mark; create it if it is absent."""
    try:
        return path.read_text()
    except FileNotFoundError:
        mark = new_id()
        path.write_text(mark)
        return mark

"""The sandbox of this client's packages, as its settings describe it."""

from __future__ import annotations

from pathlib import Path

from fednet import limits
from fednet.errors import FailedPrecondition
from fednet.processes import GroupLimits
from fednet.sandbox import Sandbox, choose_sandbox
from fednet.settings import ClientSettings


def sandbox_of(settings: ClientSettings, models: Path) -> Sandbox:
    """Return the sandbox of packages, and log what it protects.

    Args:
        settings: The client's settings.
        models: The folder of the models that this client holds, which tasks may read.

    Raises:
        FailedPrecondition: The sandbox that is asked for cannot be used, or the data folder.
    """
    data_folder = _data_folder(settings)
    return Sandbox(
        kind=choose_sandbox(settings.sandbox, "packages"),
        bounds=GroupLimits(
            memory_bytes=settings.task_memory_bytes_max,
            processes=settings.task_processes_max,
            disk_bytes=settings.task_disk_bytes_max,
            files=limits.task_files_max if settings.task_disk_bytes_max else None,
            cpu_seconds=settings.task_cpu_seconds_max,
            descriptors=limits.task_descriptors_max,
        ),
        passed=settings.pass_environment,
        data_folder=data_folder,
        readable=(models.absolute(),),
        hidden=(settings.data_dir.absolute(),),
    )


def _data_folder(settings: ClientSettings) -> Path | None:
    """Return the path of the site's data.

    Raises:
        FailedPrecondition: It does not exist, or the agent's own folder is inside of it.
    """
    if settings.data_folder is None:
        return None
    folder = settings.data_folder.expanduser().resolve()
    if not folder.exists():
        raise FailedPrecondition(
            f"The data folder {folder} does not exist: create it, or correct --data-folder.",
            field="data_folder",
        )
    if settings.data_dir.expanduser().resolve().is_relative_to(folder):
        raise FailedPrecondition(
            f"The data folder {folder} contains this client's own folder {settings.data_dir}, with its credentials: "
            "choose another one with --data-folder or --data-dir.",
            field="data_folder",
        )
    return folder

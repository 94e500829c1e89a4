"""The command line of bubblewrap (https://github.com/containers/bubblewrap) for one box.

Mounts are made in the order of the arguments, and a later one covers an earlier one: the system and this Python, then
what is hidden, then the folders of the box. The folders in memory that they are made in become read-only at the end.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fednet import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PROGRAM: Final = "bwrap"

# Programs, libraries and what these read; neither /etc as a whole nor a home, which hold secrets.
_SYSTEM: Final = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt/cuda", "/nix/store",
)  # fmt: skip
_CONFIGURATION: Final = (
    "alternatives", "fonts", "group", "host.conf", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
    "locale.alias", "localtime", "mime.types", "nsswitch.conf", "passwd", "protocols", "services", "ssl/certs",
    "ssl/openssl.cnf", "timezone",
)  # fmt: skip
_OF_NETWORK: Final = (
    "ca-certificates", "gai.conf", "pip.conf", "pki/tls/certs", "resolv.conf", "uv",
)  # fmt: skip
_DEVICES: Final = ("nvidia*", "dri", "kfd", "dxg")  # of graphics processors


def bwrap_command(
    *,
    readable: Iterable[Path],
    writable: Sequence[Path],
    hidden: Iterable[Path],
    folder: Path,
    memory_bytes: int | None,
    has_network: bool,
) -> list[str]:
    """Return the command that runs another one, which follows it, in a box.

    Args:
        readable: Files and folders that the box shows; those that do not exist are left out.
        writable: Folders that it may write.
        hidden: Folders that it does not show, also if they are inside of the system or of this Python; what is
            readable or writable it shows.
        folder: The current folder.
        memory_bytes: The size of its /dev/shm; None for that of the system.
        has_network: True to share the network of this process.
    """
    visible = [*_system(has_network=has_network), *_of_python()]
    masks = _masks(hidden, visible)
    devices = _devices()
    return [
        PROGRAM,
        *_users(),
        *("--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
        *([] if has_network else ["--unshare-net"]),
        *("--die-with-parent", "--cap-drop", "ALL", "--hostname", "sandbox"),
        *("--proc", "/proc", "--dev", "/dev"),
        *_tmpfs("/tmp", limits.sandbox_tmp_bytes_max),  # noqa: S108  that of the box
        *_tmpfs("/dev/shm", memory_bytes),  # noqa: S108  that of the box
        *_each("--dev-bind-try", devices),
        *_each("--ro-bind-try", [*visible, *([Path("/sys")] if devices else [Path("/sys/devices/system/cpu")])]),
        *(argument for mask in masks for argument in ("--tmpfs", mask)),
        *_each("--ro-bind-try", readable),
        *_each("--bind", writable),
        *(argument for made in ("/", "/dev", *masks) for argument in ("--remount-ro", made)),
        *("--chdir", str(folder), "--"),
    ]  # fmt: skip


def probe() -> str:
    """Return the reason why bubblewrap cannot be used here, or "" if it can."""
    program = shutil.which(PROGRAM)
    return _probed(program) if program else f"{PROGRAM} is not installed"


@functools.cache
def _probed(_program: str) -> str:
    """Try an installed bubblewrap, once in this process."""
    command = bwrap_command(
        readable=(), writable=(), hidden=(), folder=Path("/"), memory_bytes=limits.MIB, has_network=False
    )  # fmt: skip
    try:
        done = subprocess.run(
            [*command, sys.executable, "-S", "-E", "-c", ""],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=limits.sandbox_probe_seconds_max,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{PROGRAM} cannot run here: {error}"
    if done.returncode == 0:
        return ""
    *_, said = ["", *done.stderr.decode(errors="replace").strip().splitlines()]
    return f"{PROGRAM} cannot run here: {said or f'exit code {done.returncode}'}"


def _system(*, has_network: bool) -> list[Path]:
    names = (*_CONFIGURATION, *(_OF_NETWORK if has_network else ()))
    return [*map(Path, _SYSTEM), *(Path("/etc", name) for name in names)]


def _of_python() -> list[Path]:
    """Return the folders of this interpreter and its packages, and that of fednet."""
    prefixes = {sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parents[1])}
    packages = [each for each in sys.path if each.endswith(("site-packages", "dist-packages"))]
    return [Path(each) for each in (*sorted(prefixes - {"/", "/usr"}), *packages)] + [
        Path(limits.__file__).parent
    ]


def _devices(folder: Path = Path("/dev")) -> list[Path]:
    return sorted(path for name in _DEVICES for path in folder.glob(name))


def _users() -> list[str]:
    """Return the options for a namespace of users, in which no further one can be made if bubblewrap can forbid it."""
    if _offers("--disable-userns"):
        return ["--unshare-user", "--disable-userns"]
    return ["--unshare-user-try"]


def _tmpfs(folder: str, bytes_max: int | None) -> list[str]:
    """Return the arguments for a folder in memory."""
    size = ["--size", str(bytes_max)] if bytes_max and _offers("--size") else []
    return [*size, "--tmpfs", folder]


def _offers(option: str) -> bool:
    """Return True if the installed bubblewrap knows an option."""
    return option in _help(shutil.which(PROGRAM) or PROGRAM)


@functools.cache
def _help(program: str) -> str:
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _masks(hidden: Iterable[Path], visible: Sequence[Path]) -> list[str]:
    """Return the paths at which visible folders would show hidden ones, which empty folders cover."""
    folders = [Path(os.path.realpath(each)) for each in hidden]
    places = {
        str(each / folder.relative_to(shown))
        for each, shown in ((each, Path(os.path.realpath(each))) for each in visible)
        for folder in folders
        if folder.is_relative_to(shown) and folder.is_dir()
    }
    return sorted(places)


def _each(option: str, paths: Iterable[Path]) -> list[str]:
    """Return the arguments that show each path at its own place."""
    return [argument for path in paths for argument in (option, str(path), str(path))]

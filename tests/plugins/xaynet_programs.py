"""Programs in the shape of the seven examples that Xaynet has published; each is a process of its own.

They are in tests/xaynet_sdk/programs/, and written for Xaynet's SDK.
"""

import json
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

ENDLESS: Final = (
    "download_global_model",
    "download_global_model_async",
    "hello_world",
    "hello_world_async",
    "multiple_participants",
    "participate_in_update",
)
WRITERS: Final = ("download_global_model", "download_global_model_async", "hello_world")
IMPORT: Final = "import xaynet_sdk\n"
SECONDS_MAX: Final = 120


class Programs:
    """The programs, with one Python and one import line.

    Args:
        source: The folder of the programs.
        folder: Each gets a folder in it.
        python: The Python.
        import_line: Takes the place of their own.
    """

    def __init__(
        self, source: Path, folder: Path, python: str | Path, import_line: str = IMPORT
    ) -> None:
        self._source, self._folder = source, folder
        self._python, self._import_line = python, import_line
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_reason: object) -> None:
        self._stack.close()

    def start(self, name: str, url: str) -> None:
        """Start a program, which goes on in the folder of an earlier run."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        text = (self._source / f"{name}.py").read_text()
        assert text.count(IMPORT) == 1
        (folder / "program.py").write_text(text.replace(IMPORT, self._import_line))
        with (folder / "log").open("a") as log:
            process = subprocess.Popen(
                [self._python, "program.py", url], cwd=folder, stdout=log, stderr=log
            )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        self._processes[name] = process

    def interrupt(self, name: str) -> None:
        """Press Ctrl-C."""
        self._processes[name].send_signal(signal.SIGINT)

    def wait_for_end(self, name: str) -> None:
        """Wait until a program ends without an error."""
        assert self._processes[name].wait(SECONDS_MAX) == 0, self.log(name)

    def wait_for_file(self, name: str, file: str) -> None:
        """Wait until a program has written a file."""
        for _ in range(10 * SECONDS_MAX):
            if (self._folder / name / file).exists():
                return
            try:
                self._processes[name].wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            break
        raise AssertionError(f"{name} has not written {file}: {self.log(name)}")

    def read(self, name: str, file: str) -> list[float]:
        """Return the list in a file."""
        return list(json.loads((self._folder / name / file).read_text()))

    def log(self, name: str) -> str:
        """Return what a program has written to stdout and stderr."""
        return (self._folder / name / "log").read_text()[-5_000:]

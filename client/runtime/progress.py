"""The progress messages in an installer's output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet import limits

if TYPE_CHECKING:
    from collections.abc import Callable

# The beginnings of such lines in pip and uv.
_STEPS = (
    "Collecting ", "Downloading ", "Building ", "Installing ", "Successfully ", "Resolved ",
    "Prepared ", "Installed ", "Processing ",
)  # fmt: skip


class Progress:
    """The steps in an output that arrives in pieces; reports at most `limits.build_progress_lines_max`.

    Args:
        name: The name of the environment, for people.
        report: Called with each step.
    """

    def __init__(self, name: str, report: Callable[[str], None]) -> None:
        self._name = name
        self._report = report
        self._begun_line = b""
        self._left = limits.build_progress_lines_max

    def __call__(self, piece: bytes) -> None:
        """Take the next piece."""
        *lines, rest = (self._begun_line + piece).split(b"\n")
        self._begun_line = rest[: limits.error_bytes_max]
        for line in lines:
            text = line[: limits.error_bytes_max].decode(errors="replace").strip()
            if self._left and text.startswith(_STEPS):
                self._left -= 1
                self._report(f"python_env {self._name}: {text}")

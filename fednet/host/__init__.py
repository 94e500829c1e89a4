"""The process in which a package's object lives: loaded once, asked for each task.

    manifest:   client: "model:Client"
    process:    python -m fednet.host model:Client <requests> <answers>

The agent keeps the process and sends it requests; see `_messages`. Parameters go by the paths of
their files. This room also runs in the environments that packages ask for, so it needs NumPy and
nothing else that is not Python's own.

What the object answers, `check_update`, `check_metrics` and `check_predictions` hold against what an agent may send;
they do the same for the functions of people who run their own process.
"""

from fednet.host._answers import check_metadata, check_metrics, check_predictions, check_update
from fednet.host._messages import Inbox, encode, read_message

__all__ = [
    "Inbox",
    "check_metadata",
    "check_metrics",
    "check_predictions",
    "check_update",
    "encode",
    "read_message",
]

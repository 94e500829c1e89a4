"""The process of a package's object, which is loaded once and serves many tasks.

    manifest:   client: "model:Client"
    process:    python -m fednet.host model:Client <requests> <answers>

The agent keeps the process and sends it requests; see `_messages`. Parameters travel as paths of files. This package
also runs in the environments of packages, so it needs only the standard library and NumPy.

`check_update`, `check_metrics` and `check_predictions` check the answers of the object, and those of the functions of
`fednet.client.Client`.
"""

from fednet.host._answers import (
    check_metadata,
    check_metrics,
    check_predictions,
    check_update,
    storable_answer,
)
from fednet.host._messages import Inbox, encode, read_message
from fednet.host._signatures import check_signature

__all__ = [
    "Inbox",
    "check_metadata",
    "check_metrics",
    "check_predictions",
    "check_signature",
    "check_update",
    "encode",
    "read_message",
    "storable_answer",
]

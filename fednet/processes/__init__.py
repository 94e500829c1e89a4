"""Child processes that run users' code: with limits, and ended when their parent ends.

A `Supervised` command runs under a supervisor, a small process that measures it and ends it with all its descendants:
when the command has ended, on demand, beyond its `GroupLimits`, or when this process has died. A `Group` holds the
process of a task, so that another thread can cancel it. An `Output` follows a process to its end and keeps the end of
its output, and `used_beyond` names a limit that it has exceeded. A `FolderLock` keeps a second process out of a folder.
`forbid_tracing` hides this process from such code. `descriptors_for` raises the number of files that this process may
open; `reuse_freed_memory` spares it the clearing of memory. `handle_signal` sets the handler of a signal, and a
`SignalWatch` calls a function after each; neither holds in a forked child.
"""

from fednet.processes._descriptors import descriptors_for
from fednet.processes._exceeded import used_beyond
from fednet.processes._folder_lock import FolderLock, is_locked
from fednet.processes._group import Group, how_it_ended
from fednet.processes._memory import reuse_freed_memory
from fednet.processes._output import Awaited, Output
from fednet.processes._signals import SignalWatch, handle_signal
from fednet.processes._supervised import GroupLimits, Supervised
from fednet.processes._tracing import forbid_tracing

__all__ = [
    "Awaited",
    "FolderLock",
    "Group",
    "GroupLimits",
    "Output",
    "SignalWatch",
    "Supervised",
    "descriptors_for",
    "forbid_tracing",
    "handle_signal",
    "how_it_ended",
    "is_locked",
    "reuse_freed_memory",
    "used_beyond",
]

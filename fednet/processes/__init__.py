"""Child processes that run users' code: with limits, and ended when their parent ends.

A process leads a process group. A `Group` takes charge of the process before it begins, and ends it with its whole
group. If the parent is killed, the `Lifeline` breaks and a reaper, a third process, kills the group. An `Output`
follows a process to its end and keeps the end of its output. A `FolderLock` keeps a second process out of a folder.
`descriptors_for` raises the number of files that this process may open; `reuse_freed_memory` spares it the clearing of
memory. `handle_signal` sets the handler of a signal, and a `SignalWatch` calls a function after each; neither holds in
a forked child.
"""

from fednet.processes._descriptors import descriptors_for
from fednet.processes._folder_lock import FolderLock, is_locked
from fednet.processes._group import Group, how_it_ended
from fednet.processes._lifeline import Lifeline
from fednet.processes._memory import reuse_freed_memory
from fednet.processes._output import Awaited, Output
from fednet.processes._signals import SignalWatch, handle_signal

__all__ = [
    "Awaited",
    "FolderLock",
    "Group",
    "Lifeline",
    "Output",
    "SignalWatch",
    "descriptors_for",
    "handle_signal",
    "how_it_ended",
    "is_locked",
    "reuse_freed_memory",
]

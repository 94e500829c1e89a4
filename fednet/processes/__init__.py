"""Processes that run other people's code: bounded, and gone when whoever started them is gone.

A process leads a group of its own. A `Group` is told of it before it begins, ends it with all that
it has started, and has a `Lifeline` see to that when this process is killed: a reaper, started
beside it, kills what is left. An `Output` follows a process to its end and keeps the end of what it
prints. A `FolderLock` keeps a second process out of a folder.
"""

from fednet.processes._folder_lock import FolderLock
from fednet.processes._group import Group, how_it_ended
from fednet.processes._lifeline import Lifeline
from fednet.processes._output import Awaited, Output

__all__ = ["Awaited", "FolderLock", "Group", "Lifeline", "Output", "how_it_ended"]

"""The sandbox of code from afar: packages at clients, server functions at combiners.

A `Sandbox` starts commands, each in its `Box`: what it may read and write, and if it has a network. There are three
kinds (see `Sandbox`); `choose_sandbox` takes the best one that works here. `docs/sandbox.md` says what each one
protects. Files are exchanged with such code in a `SharedFolder`, which follows none of its links.
"""

from fednet.sandbox._box import Box, Sandbox, SandboxKind
from fednet.sandbox._choice import choose_sandbox
from fednet.sandbox._shared_folder import SharedFolder

__all__ = ["Box", "Sandbox", "SandboxKind", "SharedFolder", "choose_sandbox"]

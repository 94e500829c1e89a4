"""Forks of a process that uses gRPC: users' code forks, for loaders of data and pools of processes.

gRPC has handlers that make it usable in a forked child. With calls under way, as a client always has one, they print a
warning for each fork, or wait for the end of all calls. No child of ours uses gRPC, so the handlers are switched off:
by the environment before gRPC is loaded (`fednet.environment`), and here in its Python part, if somebody else has
loaded it.
"""

import sys


def allow_forks() -> None:
    """Let no fork wait for the end of calls; call it before gRPC's first channel or server is made."""
    loaded = sys.modules.get("grpc._cython.cygrpc")
    if hasattr(loaded, "_GRPC_ENABLE_FORK_SUPPORT"):
        loaded._GRPC_ENABLE_FORK_SUPPORT = False  # type: ignore[union-attr]  # noqa: SLF001  nothing else reaches it

"""The `fednet` command."""

from fednet.cli._main import main

__all__ = ["main"]

"""The `fednet` command, also as `python -m fednet`."""

import sys

_INTERRUPTED = 130  # `ExitCode.INTERRUPTED`, which may not be loaded by then


def main() -> None:
    """Load the command and run it; Ctrl-C while it is being loaded ends it as one later does."""
    try:
        from fednet.cli import main as command
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    command()


if __name__ == "__main__":
    main()

"""The root of `fednet`: finds commands by entry point, and turns errors into exit codes.

`fednet --help` must answer at once: a command is imported only when it is the one asked for.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, NoReturn

import click

from fednet.cli import _output
from fednet.cli._exit import MEANINGS, ExitCode, exit_code_of
from fednet.errors import FednetError, InvalidInput, MissingExtra

ENTRY_POINTS = "fednet.commands"

# Said here as well as in each command, so that listing them imports none; a test compares.
SUMMARIES = {
    "audit": "Look up who has changed what, and check that the audit log is whole.",
    "certs": "Make certificates for the TLS of a trial network.",
    "client": "Take part in a network with the data of this site.",
    "combiner": "Hand tasks to clients and fold their updates.",
    "completion": "Print the script that lets a shell complete commands.",
    "controller": "Steer a network: sessions, models, packages and the REST API.",
    "demo": "Train a real model over a network of processes on this machine.",
    "feed": "Show what happens in a network, a line for each entry, until you interrupt it.",
    "login": "Log in as a user; later commands use the token.",
    "logout": "End the token that commands use.",
    "model": "Look up, set, download and inspect models.",
    "network": "Name networks, choose the one to use, and show its status.",
    "package": "Make, set and download the code that clients run.",
    "prediction": "Let clients predict, and look up what they said.",
    "round": "Look up rounds: what each took in and gave.",
    "run": "Try a compute package on this machine before sending it.",
    "session": "Start, watch, steer and look up sessions.",
    "status": "Look up statuses: what the network's parts logged.",
    "storage": "Look up how much a network stores, and delete what is too much.",
    "token": "Make, read, list, revoke and replace tokens, and rotate the key that signs them.",
    "up": "Start a network on this machine and leave it running.",
    "user": "Create users, give them roles, and let them log in or not.",
    "validation": "Look up validations: what clients measured of models.",
}

# What a command needs beyond the base installation.
EXTRAS = {
    "certs": "controller",
    "combiner": "combiner",
    "controller": "controller",
    "demo": "demo",
    "up": "controller,combiner",
}


class Commands(click.Group):
    """The installed commands, each loaded when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all installed commands."""
        del ctx
        return sorted(entry_points(group=ENTRY_POINTS).names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, imported now, or None."""
        del ctx
        points = entry_points(group=ENTRY_POINTS, name=cmd_name)
        return next((point.load() for point in points), None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing the ones we know."""
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in SUMMARIES:
            return SUMMARIES[name]
        command = self.get_command(ctx, name)
        return command.get_short_help_str() if command else ""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say what the exit codes mean."""
        del ctx
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), meaning) for code, meaning in MEANINGS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember if a program asks: a usage error comes before the flag `--json` is read."""
        _output.note_arguments(ctx, args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            _fail_usage(ctx, error)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error becomes a message and an exit code, never a traceback."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            _fail_usage(ctx, error)
        except KeyboardInterrupt:
            ctx.exit(ExitCode.INTERRUPTED)
        except ModuleNotFoundError as error:
            _fail(ctx, _missing_extra(ctx, error))
        except FednetError as error:
            _fail(ctx, error)


def _fail_usage(ctx: click.Context, error: click.UsageError) -> NoReturn:
    """Show an error in the arguments as JSON if a program asks; people get the usage, too."""
    if not _output.wants_json(ctx):
        raise error
    param = getattr(error, "param", None)
    name = param.name if param else getattr(error, "option_name", None)
    _output.show_error(InvalidInput(error.format_message(), field=name), as_json=True)
    ctx.exit(ExitCode.USAGE)


def _fail(ctx: click.Context, error: FednetError) -> None:
    _output.show_error(error, as_json=_output.wants_json(ctx))
    ctx.exit(exit_code_of(error))


def _missing_extra(ctx: click.Context, error: ModuleNotFoundError) -> MissingExtra:
    """Return the error that names the extra to install; a missing module of our own is a fault and stays one."""
    module = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(ctx.invoked_subcommand or "")
    if extra is None or module in {"", "fednet"}:
        raise error
    return MissingExtra(
        f"`fednet {ctx.invoked_subcommand}` needs {module}, which is not installed here. "
        f"Install it with: pip install 'fednet[{extra}]'"
    )


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fednet", prog_name="fednet", message="%(prog)s %(version)s")
def main() -> None:
    """Federated learning: train one model over data that stays where it is."""

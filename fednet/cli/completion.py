"""`fednet completion`: what a shell needs to complete `fednet` commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(*, shell: str) -> None:
    """Print the script that lets a shell complete commands.

    \b
    bash:  fednet completion bash > ~/.local/share/bash-completion/completions/fednet
    zsh:   fednet completion zsh > "${fpath[1]}/_fednet"
    fish:  fednet completion fish > ~/.config/fish/completions/fednet.fish
    """  # noqa: D301 - click wants the character itself
    from fednet.cli import main

    kind = get_completion_class(shell)
    assert kind is not None, "click completes all shells of the choice"
    click.echo(kind(main, {}, "fednet", "_FEDNET_COMPLETE").source())

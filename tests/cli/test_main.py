"""The root of the command: it lists cheaply, loads on demand, and ends with a code."""

import json
import subprocess
import sys
from importlib.metadata import entry_points, version

import click
import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.cli._main import ENTRY_POINTS, SUMMARIES, Commands
from fednet.cli._output import json_option
from fednet.errors import InvalidInput, NotFound

HELP = """
import sys
from fednet.cli import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
heavy = {"grpc", "numpy", "flask", "pydantic", "requests", "rich", "yaml", "sqlalchemy"}
print("HEAVY", sorted(heavy & set(sys.modules)))
"""


def commands():
    """Every command there is, as the words that call it."""
    waiting = [((), main)]
    while waiting:
        words, command = waiting.pop()
        yield words
        if isinstance(command, click.Group):
            context = click.Context(command)
            waiting.extend(
                ((*words, name), command.get_command(context, name))
                for name in command.list_commands(context)
            )


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_has_help(words):
    """`--help` says what a command is for and what it takes."""
    result = CliRunner().invoke(main, [*words, "--help"])

    assert result.exit_code == 0, result.output
    assert result.output.startswith("Usage:")


def test_the_version_is_the_installed_one():
    """`fednet --version`, in a line that programs can read."""
    result = CliRunner().invoke(main, ["--version"])

    assert (result.exit_code, result.output) == (0, f"fednet {version('fednet')}\n")


def test_an_interrupt_while_it_is_being_loaded_ends_it_without_a_traceback(tmp_path):
    """Loading takes a second on a busy machine; Ctrl-C then is a Ctrl-C like any other."""
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    [script] = entry_points(group="console_scripts", name="fednet")
    program = f"from {script.module} import {script.attr}; {script.attr}()"

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_help_imports_nothing_heavy():
    """Listing the commands costs what click costs, and no more."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", HELP], capture_output=True, text=True, check=True
    )

    assert "Exit codes:" in done.stdout
    assert done.stdout.endswith("HEAVY []\n")


def test_the_listed_summaries_are_those_of_the_commands():
    """The cheap table says of each command what the command says of itself."""
    found = {point.name: point.load() for point in entry_points(group=ENTRY_POINTS)}

    said = {name: command.help.partition("\n")[0] for name, command in found.items()}

    assert said == SUMMARIES


class OneCommand(Commands):
    """The root with a single command of the test's own."""

    def __init__(self, name, error):
        super().__init__("fednet")
        self._name = name
        self._error = error

    def list_commands(self, ctx):  # noqa: ARG002 - click's signature
        return [self._name]

    def get_command(self, ctx, cmd_name):  # noqa: ARG002 - click's signature
        @click.command(cmd_name)
        @json_option
        def command(**_):
            raise self._error

        return command


def test_an_error_is_a_sentence_on_stderr():
    """A person reads what is wrong and which field, and no traceback."""
    root = OneCommand("up", InvalidInput("Port 1 is taken: choose another.", field="port"))

    result = CliRunner().invoke(root, ["up"])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "Error: Port 1 is taken: choose another.\nField: port\n"


def test_an_error_is_json_on_stdout_when_asked_for():
    """A program reads the error where it would have read the result."""
    root = OneCommand("session", NotFound("There is no session x."))

    result = CliRunner().invoke(root, ["session", "--json"])

    assert result.exit_code == 3
    assert json.loads(result.stdout) == {
        "success": False,
        "code": "not_found",
        "message": "There is no session x.",
    }


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("certs", "controller"),
        ("controller", "controller"),
        ("combiner", "combiner"),
        ("demo", "demo"),
    ],
)
def test_a_missing_extra_says_what_to_install(command, extra):
    """A module that an extra brings is named together with the extra."""
    root = OneCommand(command, ModuleNotFoundError("no module", name="flask.app"))

    result = CliRunner().invoke(root, [command])

    assert result.exit_code == 7
    assert "flask" in result.stderr
    assert f"pip install 'fednet[{extra}]'" in result.stderr


def test_a_missing_module_of_our_own_is_no_missing_extra():
    """It is a fault of ours, and shows its traceback."""
    fault = ModuleNotFoundError("no module", name="fednet.nothing")

    result = CliRunner().invoke(OneCommand("demo", fault), ["demo"])

    assert result.exception is fault


def test_an_interrupt_ends_with_130_and_no_traceback():
    """Ctrl-C is no failure to be explained."""
    result = CliRunner().invoke(OneCommand("demo", KeyboardInterrupt()), ["demo"])

    assert result.exit_code == 130
    assert result.output == ""


def test_an_unknown_command_is_a_usage_error():
    """Exit code 2, as for anything that was typed wrong."""
    result = CliRunner().invoke(main, ["nothing"])

    assert result.exit_code == 2
    assert "No such command 'nothing'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "field", "words"),
    [
        (["session", "list", "--json", "--nosuch"], "--nosuch", "No such option"),
        (["session", "list", "--nosuch", "--json"], "--nosuch", "No such option"),
        (["session", "list", "--limit", "many", "--json"], "limit", "not a valid integer"),
        (["session", "get", "--json"], "key", "Missing argument"),
        (["session", "nosuch", "--json"], None, "No such command"),
        (["nosuch", "--json"], None, "No such command"),
        (["--nosuch", "session", "--json"], "--nosuch", "No such option"),
        (["session", "start", "--json", "--settings", "/no/such"], "settings", "does not exist"),
        (["session", "start", "--json", "--aggregator-kwargs", "[1]"], "aggregator_kwargs", "JSON"),
        (["session", "get", "a", "b", "--json"], None, "unexpected extra argument"),
    ],
)
def test_an_error_in_the_arguments_is_json_when_asked_for(arguments, field, words):
    """A program reads one JSON value, whatever is wrong, and the exit code is 2."""
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert result.stderr == ""
    error = json.loads(result.stdout)
    assert (error["success"], error["code"], error.get("field")) == (False, "invalid_input", field)
    assert words in error["message"]


def test_an_error_in_the_arguments_is_usage_for_people():
    """The text after `--` is no flag."""
    for arguments in (["session", "list", "--nosuch"], ["session", "get", "--", "--json", "x"]):
        result = CliRunner().invoke(main, arguments)

        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.startswith("Usage:")

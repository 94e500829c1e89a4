"""The images: small, not run by root, with nothing in them that only building needs."""

import json
import re
import subprocess
import sys
import tomllib
from configparser import ConfigParser

import pytest

from fednet.settings import ClientSettings, CombinerSettings, ControllerSettings

SETTINGS = {
    "client": ClientSettings,
    "combiner": CombinerSettings,
    "controller": ControllerSettings,
}
SANDBOXED = {"client", "combiner"}
"""The components that run code from afar, so their images have bubblewrap."""
SANDBOX = (
    "apt-get update && apt-get install --yes --no-install-recommends bubblewrap"
    " && rm -rf /var/lib/apt/lists/*"
)
USER = "useradd --uid 10001 --create-home --home-dir /data fednet && chmod 700 /data"
CONTINUED = re.compile(r"\\\n\s*")


@pytest.fixture(params=SETTINGS)
def component(request):
    return request.param


@pytest.fixture
def stages(repository, component):
    """The instructions of each stage, as (name, arguments)."""
    text = CONTINUED.sub("", (repository / component / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    instructions = [tuple(line.split(" ", 1)) for line in lines]
    starts = [place for place, (name, _) in enumerate(instructions) if name == "FROM"]
    return [instructions[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]


def argument(stage, name):
    """The arguments of the last instruction of that name."""
    return [arguments for each, arguments in stage if each == name][-1]


def test_the_image_has_what_was_installed_and_nothing_that_builds(stages):
    """Two stages of the same slim base; the last one copies the environment."""
    build, final = stages

    assert argument(build, "FROM").split()[0] == argument(final, "FROM")
    assert "slim" in argument(final, "FROM")
    assert argument(final, "COPY") == "--from=build /opt/fednet /opt/fednet"


def test_the_image_installs_the_sandbox_of_code_from_afar_and_nothing_else(stages, component):
    """Every command of the last stage, word by word; the lists of packages do not stay."""
    run = [arguments for name, arguments in stages[-1] if name == "RUN"]

    assert run == [*([SANDBOX] if component in SANDBOXED else []), USER]


def test_it_is_not_run_by_root(stages):
    """By a user with a number that the cluster can check, who owns the data folder."""
    final = stages[-1]

    assert argument(final, "RUN") == USER
    assert argument(final, "USER") == "fednet"
    assert argument(final, "VOLUME") == "/data"


def test_it_installs_extras_that_exist(stages, repository, component):
    """The component's own among them."""
    extras = re.search(r"'\.\[([\w,]+)\]'", argument(stages[0], "RUN"))[1].split(",")
    metadata = tomllib.loads((repository / "pyproject.toml").read_text())

    assert component in extras
    assert set(extras) <= set(metadata["project"]["optional-dependencies"])


def test_its_variables_are_settings(stages, component):
    """An unknown one would end the process."""
    variables = re.findall(r"(FEDNET_\w+)=", argument(stages[-1], "ENV"))
    prefix = f"FEDNET_{component.upper()}_"

    assert variables
    assert {name.removeprefix(prefix).lower() for name in variables} <= set(
        SETTINGS[component].model_fields
    )


def test_it_exposes_the_port_that_the_program_listens_on(stages, component):
    """A client listens on none."""
    exposed = [int(arguments) for name, arguments in stages[-1] if name == "EXPOSE"]
    port = SETTINGS[component].model_fields.get("port")

    assert exposed == ([port.default] if port else [])


def test_what_it_runs_and_asks_for_its_health_exists(stages):
    """Every `fednet` command, asked for its help."""
    final = stages[-1]
    health = argument(final, "HEALTHCHECK").partition("CMD ")[2]

    for command in map(json.loads, (argument(final, "CMD"), health)):
        if command[0] == "fednet":
            asked = [sys.executable, "-m", "fednet", *command[1:], "--help"]
            assert subprocess.run(asked, check=False, capture_output=True).returncode == 0
        else:
            assert command[0] in {"gunicorn", "sh"}


def test_docker_is_given_all_that_the_build_reads(repository):
    """What .dockerignore leaves out is not there when the wheel is built."""
    lines = (repository / ".dockerignore").read_text().splitlines()
    given = {line.removeprefix("!") for line in lines if line.startswith("!")}
    setup = ConfigParser()
    setup.read(repository / "setup.cfg")
    places = setup["options"]["package_dir"].strip().splitlines()
    roots = {place.split("=")[1].strip().partition("/")[0] for place in places}

    assert lines[0] == "*"
    assert roots | {"LICENSE", "README.md", "pyproject.toml", "setup.cfg"} == given

"""Requirements that attack when they are installed: they may write their own environment, and see no data."""

import json
import sys
from pathlib import Path

import pytest

from fednet.client.runtime import package_runtime
from fednet.packages import Manifest
from fednet.processes import GroupLimits
from fednet.sandbox import Sandbox

# A requirement that brings its own build tool: pip and uv run it without fetching anything.
PROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "evil"
version = "1.0"
"""
BACKEND = """
import json, os, zipfile
def tried(act):
    try:
        return str(act())
    except Exception as error:
        return type(error).__name__
def build_wheel(folder, config_settings=None, metadata_directory=None):
    found = [tried(lambda: open(path).read()) for path in {read}]
    found += [tried(lambda: open(path, "w")) for path in {write}]
    name = "evil-1.0-py3-none-any.whl"
    info = "evil-1.0.dist-info"
    files = {{
        "evil.py": f"FOUND = {{found!r}}; VARIABLES = {{dict(os.environ)!r}}",
        f"{{info}}/METADATA": "Metadata-Version: 2.1\\nName: evil\\nVersion: 1.0\\n",
        f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{{info}}/RECORD": "",
    }}
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return name
"""
TELLS = "import evil, json, sys; json.dump({'found': evil.FOUND, 'all': evil.VARIABLES}, open(sys.argv[2], 'w'))"


@pytest.fixture
def installed(site, bwrap, monkeypatch):
    """What a requirement has found at its installation, by uv and in the box."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("DIGITS", "hush-hush")
    other = site.folder / "client" / ".environments" / "other" / "file"
    other.parent.mkdir(parents=True)
    read = [str(site.secret), str(site.data / "x"), str(site.neighbour / "x")]
    (site.package / "evil").mkdir()
    (site.package / "evil" / "pyproject.toml").write_text(PROJECT)
    backend = BACKEND.format(read=read, write=[str(other)])
    (site.package / "evil" / "backend.py").write_text(backend)
    (site.package / "env.yaml").write_text("dependencies: [./evil]")
    (site.package / "tell.py").write_text(TELLS)
    sandbox = Sandbox(
        bwrap,
        GroupLimits(processes=500),
        ("DIGITS",),
        site.data,
        (site.model.parent,),
        (site.client.parent,),
    )
    manifest = Manifest({"predict": "python tell.py"}, "env.yaml", ".")
    runtime = package_runtime(
        site.package,
        manifest,
        site.client / "work",
        100,
        environments=other.parents[1],
        sandbox=sandbox,
    )
    yield runtime.predict(site.model, {})
    runtime.close()


def test_an_installation_sees_no_data_and_writes_no_other_environment(installed):
    """It gets no variable that the site passes to tasks, and its task works with what it has installed."""
    assert installed["found"] == ["FileNotFoundError"] * 4
    assert "hush-hush" not in json.dumps(installed["all"])
    assert installed["all"]["UV_OFFLINE"] == "1"

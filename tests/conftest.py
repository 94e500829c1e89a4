"""What every test stands on: a clean environment, repeatable laws, the repository's folder, servers."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# Fixtures that start real servers; each is skipped, with what to install, where its server is not.
pytest_plugins = [
    "servers.mongodb",
    "servers.nginx",
    "servers.postgresql",
    "servers.s3",
    "certificates",
    "chaos.report",
    "clock",
    "ipv6",
    "ordinary_user",
    "sandboxes",
]

# The same examples on every run, however slow the machine; `--hypothesis-profile=default` explores.
hypothesis.settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("repeatable")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--repository",
        type=Path,
        help="the repository's folder, when the tests run outside of it (write it with a `=`)",
    )
    parser.addoption(
        "--no-skips", action="store_true", help="let a test that is skipped fail: the CI skips none"
    )
    parser.addoption(
        "--may-skip",
        action="append",
        default=[],
        metavar="WORD",
        help="but for tests whose reason has this word, which names what the machine cannot do",
    )


def pytest_xdist_auto_num_workers() -> int:
    """Return two processes for each core, eight at most: half of the time a test waits for others."""
    return min(8, 2 * (os.cpu_count() or 1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    """Fail where a test would be skipped, if the CI asks for it."""
    report = yield
    return _failed_if_skipped(report, item.config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport]:
    """Likewise where a whole file would be."""
    report = yield
    return _failed_if_skipped(report, collector.config)


def _failed_if_skipped(report: Report, config: pytest.Config) -> Report:
    if report.skipped and config.getoption("--no-skips") and not _may_be_skipped(report, config):
        report.outcome = "failed"
    return report


def _may_be_skipped(
    report: pytest.TestReport | pytest.CollectReport, config: pytest.Config
) -> bool:
    return any(word in str(report.longrepr) for word in config.getoption("--may-skip"))


@pytest.fixture(scope="session")
def repository(pytestconfig: pytest.Config) -> Path:
    """The repository's folder: to read its files as text, never to import them."""
    return (pytestconfig.getoption("--repository") or pytestconfig.rootpath).resolve()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of fednet from outside, and a data folder of the test's own."""
    for name in [name for name in os.environ if name.startswith("FEDNET_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg-data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg-config"))

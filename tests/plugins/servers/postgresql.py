"""A PostgreSQL server for the tests: one for the run, a schema of its own for each test."""

import itertools
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.process import (
    ServerProcess,
    free_port,
    is_listening,
    launched,
    server_folder,
    unprivileged_user,
)

PASSWORD = "p@ss/w:rd?"
USER = "fednet"


class PostgreSqlServer:
    """A server with one user, whose password has characters that mean something in a URL.

    Args:
        programs: The folder of initdb and postgres.
        folder: Where it keeps everything.
    """

    password = PASSWORD

    def __init__(self, programs: Path, folder: Path) -> None:
        self.port = free_port()
        self._numbers = itertools.count()
        _make_cluster(programs, folder)
        self.process = ServerProcess(
            [
                str(programs / "postgres"),
                *("-D", str(folder / "data"), "-p", str(self.port)),
                *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
                *("-c", "fsync=off", "-c", "max_connections=200"),
            ],
            folder,
            self._answers,
            user=unprivileged_user(),
        )

    def new_store(self) -> str:
        """Return the URL of a new, empty place: a schema, which is made much quicker than a database."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"create schema {name}")
        return self.url(options=f"-c search_path={name}")

    def url(self, database: str = "postgres", **parameters: str) -> str:
        """Return the URL of a database, with parameters of libpq."""
        from sqlalchemy import URL

        url = URL.create(
            "postgresql+psycopg", USER, PASSWORD, "127.0.0.1", self.port, database, parameters
        )
        return url.render_as_string(hide_password=False)

    def connect(self, database: str = "postgres"):
        """Return a connection to look behind the store's back; use it with `with`."""
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=PASSWORD,
            dbname=database,
            autocommit=True,
        )

    def crash(self) -> None:
        """End it as a crash does: every connection breaks, nothing is tidied up."""
        self.process.stop(signal.SIGQUIT)  # it takes its children with it, as SIGKILL would not

    def _answers(self) -> bool:
        import psycopg

        if not is_listening(self.port):
            return False
        try:
            self.connect().close()
        except psycopg.OperationalError:  # it is starting up
            return False
        return True


def _make_cluster(programs: Path, folder: Path) -> None:
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    command = [str(programs / "initdb"), "-D", str(folder / "data"), "--no-sync"]
    command += ["-U", USER, f"--pwfile={password}", "--auth=scram-sha-256"]
    # A locale that does not compare by code point, so that the store must see to that itself.
    command += ["--encoding=UTF8", "--locale-provider=icu", "--icu-locale=en", "--locale=C"]
    subprocess.run(
        launched(command, unprivileged_user()), cwd=folder, check=True, stdout=subprocess.DEVNULL
    )


def programs() -> Path | None:
    """Return the folder of initdb: Debian keeps it out of PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSqlServer]:
    """Give a running server, which a test may crash if it starts it again."""
    found = programs()
    if found is None:
        pytest.skip("There is no initdb: install PostgreSQL's server (Debian: postgresql).")
    with server_folder(unprivileged_user()) as folder:
        server = PostgreSqlServer(found, folder)
        server.process.start()
        yield server
        server.crash()


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSqlServer) -> str:
    """Return the URL of an empty state store of the test's own."""
    return postgresql_server.new_store()

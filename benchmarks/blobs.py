"""The speed of each blob store with a large blob.

    python benchmarks/blobs.py                  # a blob of 50 MB
    python benchmarks/blobs.py --megabytes 200  # the size of the published figures
    python benchmarks/blobs.py --json

Each store takes a file, as from a combiner, which is then read from its beginning to its end; the fastest of several
runs is shown. `s3://` is rclone's server on a folder of this machine, `controller://` a controller with such a folder.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fednet.controller.server import Controller
from fednet.errors import FednetError
from fednet.http import Http
from fednet.settings import ControllerSettings
from fednet.storage import CONTROLLER, open_blobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fednet.storage import Blobs

MEGABYTES_MAX = 2000
KEY = "models/0"


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=50, help="size of the blob")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not 1 <= arguments.megabytes <= MEGABYTES_MAX or arguments.repeats < 1:
        parser.error(f"--megabytes must be 1 to {MEGABYTES_MAX}, and --repeats at least 1")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        stores = opened_stores(Path(folder), running)
        content = random.Random(0).randbytes(arguments.megabytes * 1_000_000)
        report = {
            name: measure(blobs, Path(folder, "file"), content, arguments.repeats)
            for name, blobs in stores.items()
        }
    if arguments.json:
        print(json.dumps({"megabytes": arguments.megabytes, "stores": report}))
    else:
        print_table(arguments.megabytes, report)


def opened_stores(folder: Path, running: ExitStack) -> dict[str, Blobs]:
    """Yield an empty store of each kind; their servers end with `running`."""
    controller = Controller.start(ControllerSettings(port=0, data_dir=folder / "controller"))
    running.callback(controller.stop)
    http = Http(controller.api_url, controller.token)
    stores = {
        "file://": open_blobs(f"file://{folder}/blobs"),
        "s3://": running.enter_context(s3_blobs(folder / "buckets")),
        CONTROLLER: open_blobs(CONTROLLER, http),
    }
    for blobs in stores.values():
        running.enter_context(closing(blobs))
    return stores


@contextmanager
def s3_blobs(folder: Path) -> Iterator[Blobs]:
    """Return blobs in a bucket of rclone's server."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"
    program = Path(sys.executable).with_name("rclone")
    command = [program, "serve", "s3", "--addr", host, "--auth-key", "key,secret", folder]
    server = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
    try:
        yield opened_when_ready(f"s3://key:secret@{host}/bucket?secure=false")
    finally:
        server.kill()
        server.wait()


def opened_when_ready(url: str, attempts: int = 5) -> Blobs:
    """Open the store when its server has started; each attempt waits by itself."""
    for _ in range(attempts - 1):
        try:
            return open_blobs(url)
        except FednetError as error:
            if not error.retryable:
                raise
    return open_blobs(url)


def measure(blobs: Blobs, file: Path, content: bytes, repeats: int) -> dict[str, float]:
    """Return the smallest numbers of seconds to put the content and to read it."""
    puts, reads = [], []
    for _ in range(repeats):
        file.write_bytes(content)
        start = time.perf_counter()
        blobs.put_file(KEY, file)
        stored = time.perf_counter()
        size = sum(len(chunk) for chunk in blobs.read(KEY))
        assert size == len(content)
        puts.append(stored - start)
        reads.append(time.perf_counter() - stored)
    return {"put_seconds": min(puts), "read_seconds": min(reads)}


def print_table(megabytes: int, report: dict[str, dict[str, float]]) -> None:
    """Print a line for each store."""
    print(f"{f'a blob of {megabytes} MB':<20}{'put MB/s':>12}{'read MB/s':>12}")
    for name, seconds in report.items():
        put, read = (megabytes / seconds[step] for step in ("put_seconds", "read_seconds"))
        print(f"{name:<20}{put:>12.0f}{read:>12.0f}")


if __name__ == "__main__":
    main()

"""A client process of the floor: it fetches the model's pieces and sends them back, round after round.

python floor_client.py ADDRESS [FOLDER]

With a folder it writes them to a file first, and sends what the file holds.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator

import grpc

PIECE_BYTES = 1 << 20


def main(address: str, folder: str = "") -> None:
    """Take part in rounds until the server ends."""
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        download: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            "/Bytes/Download"
        )
        upload: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary("/Bytes/Upload")
        with contextlib.suppress(grpc.RpcError):
            while True:
                pieces = download(b"")
                upload(_by_file(pieces, folder) if folder else iter(list(pieces)))


def _by_file(pieces: Iterator[bytes], folder: str) -> Iterator[bytes]:
    with tempfile.TemporaryFile(dir=folder) as file:
        for piece in pieces:
            file.write(piece)
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece


if __name__ == "__main__":
    main(*sys.argv[1:])

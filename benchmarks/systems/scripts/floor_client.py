"""A client process of the floor: it fetches the model's pieces and sends them back, round after round.

python floor_client.py ADDRESS
"""

from __future__ import annotations

import contextlib
import sys

import grpc


def main(address: str) -> None:
    """Take part in rounds until the server ends."""
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options=options) as channel:
        download: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            "/Bytes/Download"
        )
        upload: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary("/Bytes/Upload")
        with contextlib.suppress(grpc.RpcError):
            while True:
                upload(iter(list(download(b""))))


if __name__ == "__main__":
    main(*sys.argv[1:])

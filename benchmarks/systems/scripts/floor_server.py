"""The server process of the floor: gRPC streams pieces of a model to clients, and takes as many back.

    python floor_server.py CLIENTS BYTES [FOLDER]

With a folder it writes each update to a file, which goes at the end of the upload.
It prints its port. For each number on its input it lets the clients do that many rounds, and prints the duration of
each as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

PIECE_BYTES = 1 << 20


class Round:
    """A round after the other: clients wait for one, and the main thread for its end.

    Args:
        clients: The number of clients, of which each takes part in each round.
    """

    def __init__(self, clients: int) -> None:
        self._clients = clients
        self._changed = threading.Condition()
        self._may_begin = 0
        self._to_end = 0

    def run(self) -> float:
        """Let all clients do one round; return its seconds."""
        began = time.perf_counter()
        with self._changed:
            self._may_begin += self._clients
            self._to_end += self._clients
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._to_end)
        return time.perf_counter() - began

    def join(self) -> None:
        """Block until this client may begin the next round."""
        with self._changed:
            self._changed.wait_for(lambda: self._may_begin)
            self._may_begin -= 1

    def end(self) -> None:
        """Count one client's end of the round."""
        with self._changed:
            self._to_end -= 1
            self._changed.notify_all()


class Bytes(grpc.GenericRpcHandler):
    """A service of two methods whose messages are bare bytes.

    Args:
        model: The bytes that go to each client.
        round_: Where clients wait.
        folder: The folder for updates; "" to keep nothing.
    """

    def __init__(self, model: bytes, round_: Round, folder: str) -> None:
        self._model = model
        self._round = round_
        self._folder = folder

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the handler of a method."""
        if call.method == "/Bytes/Download":
            return grpc.unary_stream_rpc_method_handler(self._download)
        return grpc.stream_unary_rpc_method_handler(self._upload)

    def _download(self, _request: bytes, _context: grpc.ServicerContext) -> Iterator[bytes]:
        self._round.join()
        for start in range(0, len(self._model), PIECE_BYTES):
            yield self._model[start : start + PIECE_BYTES]

    def _upload(self, pieces: Iterator[bytes], _context: grpc.ServicerContext) -> bytes:
        received = sum(self._kept(pieces) if self._folder else map(len, pieces))
        assert received == len(self._model), received
        self._round.end()
        return b""

    def _kept(self, pieces: Iterator[bytes]) -> Iterator[int]:
        with tempfile.TemporaryFile(dir=self._folder) as file:
            for piece in pieces:
                yield file.write(piece)


def main(clients: int, model_bytes: int, folder: str = "") -> None:
    """Serve until the input ends."""
    round_ = Round(clients)
    server = grpc.server(
        ThreadPoolExecutor(2 * clients),
        handlers=[Bytes(bytes(model_bytes), round_, folder)],
        options=[("grpc.max_receive_message_length", -1)],
    )
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    for line in sys.stdin:
        print(json.dumps([round_.run() for _ in range(int(line))]), flush=True)


if __name__ == "__main__":
    count, size, *folder = sys.argv[1:]
    main(int(count), int(size), *folder)

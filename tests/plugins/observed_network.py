"""A network of real processes that tell all that they can: logs at level debug, metrics, traces, command lines."""

import contextlib
import gzip
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import requests
from chaos.network import Process
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from servers.process import free_port

from fednet.api_client import APIClient
from fednet.packages import create_package

SECONDS = 120
PAUSE_SECONDS = 0.05
TRAIN = 'echo training; cp "$1" "$2"; echo \'{"num_examples": 3}\' > "$2-metadata"\n'


class TraceReceiver:
    """A receiver of OTLP over HTTP.

    Attributes:
        url: Its address.
        spans: All spans that have come, with the name of their service.
    """

    def __init__(self):
        self.spans = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                is_packed = self.headers.get("Content-Encoding") == "gzip"
                receiver.take(gzip.decompress(body) if is_packed else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def take(self, body):
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            facts = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [(facts["service.name"], span) for span in scope.spans]

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class ObservedNetwork:
    """A controller, a combiner and clients in package mode, each `fednet … start` with all settings in its environment.

    Args:
        folder: The folder of all files.
        state_store: The URL of the state store; None for SQLite.
        blob_store: The URL of the blob store; None for a folder.
        clients: The number of clients.

    Attributes:
        command_lines: The command lines of all processes of this machine that belong to the network, as they were seen.
        answers: All answers of the REST API.
    """

    def __init__(self, folder, state_store=None, blob_store=None, clients=2):
        self.folder = Path(folder)
        self.traces = TraceReceiver()
        self.api_url = f"http://127.0.0.1:{free_port()}"
        self.command_lines = set()
        self.answers = []
        self._stores = {"STATE_STORE": state_store, "BLOB_STORE": blob_store}
        self._clients = clients
        self._processes = {}
        self._ports = {}

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.callback(self.traces.close)
            controller = self._start(stack, "controller", port=self.api_url.rpartition(":")[2])
            self._wait_until(self._is_up, controller)
            self.token = (self.folder / "controller" / "admin.token").read_text().strip()
            self.api = stack.enter_context(APIClient(self.api_url, token=self.token))
            self._member(stack, "combiner", "combiner-1", port=0)
            for number in range(1, self._clients + 1):
                self._member(stack, "client", f"client-{number}", policy="any")
            self._wait_until(lambda: self.api.get_active_clients()["count"] == self._clients)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _member(self, stack, kind, name, **settings):
        self._ports[name] = settings["monitoring_port"] = free_port()
        self._start(stack, kind, name, api_url=self.api_url, token=self.token, **settings)

    def _start(self, stack, kind, name="controller", **settings):
        given = {"name": name, "data_dir": self.folder / name, **settings}
        given["traces_endpoint"] = self.traces.url
        given |= {key.lower(): url for key, url in self._stores.items() if url and kind != "client"}
        if kind == "combiner":
            given.pop("state_store", None)
        process = Process(
            name, _command(kind), self.folder, _variables(kind, given), announces=False
        )
        self._processes[name] = process
        stack.callback(process.close)
        return process.start()

    def _is_up(self):
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(f"{self.api_url}/health", timeout=SECONDS).ok
        return False

    def _wait_until(self, is_so, process=None):
        over = time.monotonic() + SECONDS
        while not is_so():
            self.look_around()
            logs = process.log.read_text() if process else ""
            assert time.monotonic() < over, logs
            threading.Event().wait(PAUSE_SECONDS)

    def run_session(self, session_id="observed", rounds=2, train=TRAIN):
        """Run a session to its end; return its document."""
        package = self.folder / session_id
        package.mkdir()
        (package / "fednet.yaml").write_text("entry_points: {train: {command: sh train.sh}}\n")
        (package / "train.sh").write_text(train)
        create_package(package, self.folder / f"{session_id}.tgz")
        self.api.set_active_package(str(self.folder / f"{session_id}.tgz"), "numpyhelper")
        self.api.set_active_model([np.zeros(3, np.float32)])
        self.api.start_session(
            session_id,
            rounds=rounds,
            validate=False,
            min_clients=self._clients,
            requested_clients=self._clients,
            round_retries=0,
        )
        self._wait_until(lambda: self._session(session_id)["status"] in {"FINISHED", "FAILED"})
        return self._session(session_id)

    def _session(self, session_id):
        return self.api.get_session(session_id)

    def look_around(self):
        """Note the command lines of the network's processes, and of all that they have started."""
        parents = _parents()
        own = {each._process.pid for each in self._processes.values()}
        while grown := {pid for pid, parent in parents.items() if parent in own} - own:
            own |= grown
        for pid in own:
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
                self.command_lines.add(words.replace(b"\0", b" ").decode(errors="replace"))

    def ask(self, path, token=None, method="GET", **options):
        """Note the answer to a request, and return it."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        answer = requests.request(
            method, self.api_url + path, headers=headers, timeout=SECONDS, **options
        )
        self.answers.append(answer)
        return answer

    def pages(self):
        """Return the metrics of each combiner and client, by name."""
        return {
            name: requests.get(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS).text
            for name, port in self._ports.items()
        }

    def stop(self):
        """End all processes, so that each sends its last spans; clients first."""
        for name in reversed(self._processes):
            self._processes[name].terminate()

    def start_in_vain(self, **settings):
        """Start another controller with wrong settings; return its whole output."""
        given = {"name": "vain", "data_dir": self.folder / "vain", "port": free_port(), **settings}
        process = Process(
            "vain",
            _command("controller"),
            self.folder,
            _variables("controller", given),
            announces=False,
        ).start()
        process._process.communicate(timeout=SECONDS)
        assert process._process.returncode != 0
        return process.log.read_text()

    @property
    def logs(self):
        """The whole output of each process, by its name."""
        return {path.stem: path.read_text() for path in self.folder.glob("*.log")}

    @property
    def lines(self):
        """The lines of the log of all processes, with the name of each."""
        return [
            (name, json.loads(line))
            for name, log in self.logs.items()
            for line in log.splitlines()
            if line.startswith("{")
        ]


def _parents():
    """Return the parent of each process of this machine, by its number (proc(5))."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    return found


def _command(kind):
    words = ("fednet", kind, "start", "--log-level", "debug", "--log-json")
    return [sys.executable, "-P", "-m", *words]


def _variables(kind, settings):
    """Return the environment of a component."""
    prefix = f"FEDNET_{kind.upper()}_"
    return {f"{prefix}{name.upper()}": str(value) for name, value in settings.items()} | {
        "PYTHONPATH": os.environ.get("PYTHONPATH", "")
    }

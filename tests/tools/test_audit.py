"""The audit of installed packages fails on what a service of advisories knows, and on nothing else."""

import contextlib
import http.server
import json
import socket
import subprocess
import sys
import threading

import pytest


class _Advisories(http.server.BaseHTTPRequestHandler):
    """A service that knows one vulnerability, in the form of OSV."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = asked["package"]["name"] == "flask" and self.server.knows_one
        body = json.dumps({"vulns": [_vulnerability()]} if known else {}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Print nothing."""


def _vulnerability():
    versions = [{"introduced": "0"}, {"fixed": "99.1"}]
    affected = {
        "package": {"ecosystem": "PyPI", "name": "flask"},
        "ranges": [{"type": "ECOSYSTEM", "events": versions}],
    }
    return {"id": "PYSEC-2026-1", "summary": "a known hole", "affected": [affected]}


@pytest.fixture
def service():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Advisories) as server:
        server.knows_one, server.status = False, 200
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def audit(repository, port, *more):
    options = ["-s", "osv", "--osv-url", f"http://127.0.0.1:{port}", *more]
    command = [sys.executable, str(repository / "tools" / "audit.py"), *options]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_known_vulnerability_fails_the_audit(repository, service):
    """The line names the package, the advisory, and the release that mends it."""
    service.knows_one = True

    found = audit(repository, service.server_port)

    assert found.returncode == 1
    assert "PYSEC-2026-1, mended in 99.1" in found.stdout


def test_without_a_known_vulnerability_it_passes(repository, service):
    """The number of audited packages is told."""
    found = audit(repository, service.server_port)

    assert (found.returncode, found.stderr) == (0, "")
    assert "packages were audited" in found.stdout


def test_a_service_that_is_away_is_told_and_fails_nothing(repository, service):
    """A machine without access to the service can still check the rules."""
    service.server_close()

    found = audit(repository, service.server_port)

    assert found.returncode == 0
    assert "No package was audited" in found.stdout


def test_a_service_that_accepts_no_connection_fails_nothing(repository):
    """As one behind a firewall, which drops packets."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # more than the queue has room for
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        found = audit(repository, full.getsockname()[1], "--timeout", "1")

    assert found.returncode == 0
    assert "No package was audited" in found.stdout


def test_a_service_that_fails_fails_the_audit(repository, service):
    """It is there, and nothing is known of the packages; the reason is shown."""
    service.status = 500

    found = audit(repository, service.server_port)

    assert found.returncode == 1
    assert "500 Server Error" in found.stderr


def test_an_audit_that_cannot_run_fails(repository, service):
    """With the words of pip-audit."""
    found = audit(repository, service.server_port, "--nonsense")

    assert found.returncode == 2
    assert "--nonsense" in found.stderr

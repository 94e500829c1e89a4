"""The audit of installed packages fails on what a service of advisories knows, and on nothing else."""

import http.server
import json
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
        self.send_response(200)
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
        server.knows_one = False
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def audit(repository, port):
    options = ["-s", "osv", "--osv-url", f"http://127.0.0.1:{port}"]
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

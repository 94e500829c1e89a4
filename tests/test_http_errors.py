"""A wrong scheme and a wrong certificate are told in one sentence, with real TLS servers."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fednet import limits
from fednet.errors import FailedPrecondition, InvalidInput, Unavailable
from fednet.http import Http
from fednet.tls import CallerTLS


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    """Pauses that do not keep the tests waiting."""
    monkeypatch.setattr(limits, "retry_seconds_first", 0.001)
    monkeypatch.setattr(limits, "retry_attempts_max", 1)


class Answers(BaseHTTPRequestHandler):
    """A server of {}."""

    status, body = 200, b"{}"

    def do_GET(self):
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        """Keep the tests' output clean."""


class TellsOfHttps(Answers):
    """A server of TLS as those of nginx and Go answer a request without TLS."""

    status, body = 400, b"<h1>The plain HTTP request was sent to HTTPS port</h1>"


class QuietServer(ThreadingHTTPServer):
    """A server whose handshakes fail in silence."""

    def handle_error(self, *_):
        """Keep the tests' output clean."""


@contextmanager
def serving(handler, context=None):
    with QuietServer(("127.0.0.1", 0), handler) as server:
        if context:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The file of a certificate for 127.0.0.1 that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fednet test")])
    day, now = dt.timedelta(days=1), dt.datetime.now(dt.UTC)
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    builder = builder.add_extension(x509.SubjectAlternativeName([here]), critical=False)
    made = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def call(url, **how):
    with closing(Http(url, None, **how)) as http:
        return http.call("GET", "/health")


def test_https_for_a_server_of_http_is_told_in_one_sentence():
    """With the address to write; it is not tried again."""
    with serving(Answers) as port, pytest.raises(InvalidInput) as refused:
        call(f"https://127.0.0.1:{port}")

    assert refused.value.message == (
        f"https://127.0.0.1:{port} does not speak https: write http://127.0.0.1:{port}."
    )


@pytest.mark.parametrize("handler", [Answers, TellsOfHttps])
def test_http_for_a_server_of_https_is_told_in_one_sentence(tls, handler):
    """The server breaks off without a word, or answers with a page."""
    context = None if handler is TellsOfHttps else tls
    with serving(handler, context) as port, pytest.raises(InvalidInput) as refused:
        call(f"http://127.0.0.1:{port}")

    assert refused.value.message == (
        f"http://127.0.0.1:{port} speaks https: write https://127.0.0.1:{port}."
    )


def test_a_server_of_http_that_breaks_off_is_unavailable():
    """Whatever it speaks, it is not https."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up():
            while True:
                try:
                    listening.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(Unavailable, match="Cannot reach"):
            call(f"http://127.0.0.1:{listening.getsockname()[1]}")
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("shows_one", [True, False])
def test_a_server_that_wants_another_certificate_or_any_is_named(
    certificate, tls, strange_paper, shows_one
):
    """With the settings to give. In TLS 1.2 the refusal always arrives before the connection ends."""
    tls.verify_mode, tls.maximum_version = ssl.CERT_REQUIRED, ssl.TLSVersion.TLSv1_2
    theirs = strange_paper.servers
    shown = (theirs.certificate, theirs.key) if shows_one else ()
    with (
        serving(Answers, tls) as port,
        pytest.raises(FailedPrecondition if shows_one else Unavailable) as refused,
    ):
        call(f"https://127.0.0.1:{port}", tls=CallerTLS(certificate, *shown), retries_max=0)

    assert "FEDNET_CERTIFICATE_KEY" in refused.value.message


def test_a_certificate_that_is_not_trusted_is_named(monkeypatch, certificate, tls):
    """The setting that is named lets it pass, and so does the variable of `requests`."""
    with serving(Answers, tls) as port:
        with pytest.raises(
            FailedPrecondition, match=r"certificate .* is not trusted: self.signed.*`ca`"
        ):
            call(f"https://127.0.0.1:{port}")
        assert call(f"https://127.0.0.1:{port}", tls=CallerTLS(certificate)) == {}
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert call(f"https://127.0.0.1:{port}") == {}


def replace_ca(folder, _, __):
    """The authorities are away."""
    return CallerTLS(folder / "ca.pem"), folder / "ca.pem"


def replace_key(folder, certificate, strange_paper):
    """The certificate has its new content, and the key is still the earlier one."""
    (folder / "me.key").write_bytes(strange_paper.servers.key.read_bytes())
    return CallerTLS(certificate, certificate, folder / "me.key"), folder / "me.key"


@pytest.mark.parametrize("replace", [replace_ca, replace_key])
def test_a_file_that_is_being_replaced_is_no_refusal(
    tmp_path, certificate, tls, strange_paper, replace
):
    """An agent that makes a new caller at that moment tries again later, and goes on."""
    caller, file = replace(tmp_path, certificate, strange_paper)
    with (
        serving(Answers, tls) as port,
        closing(Http(f"https://127.0.0.1:{port}", None, tls=caller)) as http,
    ):
        with pytest.raises(Unavailable):
            http.call("GET", "/health")
        file.write_bytes(certificate.read_bytes())

        assert http.call("GET", "/health") == {}

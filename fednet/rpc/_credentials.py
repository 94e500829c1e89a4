"""gRPC's credentials from files: a server's follow their files, a caller's are read for each channel."""

from __future__ import annotations

import grpc

from fednet.errors import InvalidInput, Unavailable
from fednet.tls import CallerTLS, ServerFiles, ServerPEM


def server_credentials(files: ServerFiles) -> grpc.ServerCredentials:
    """Return credentials with which each new connection gets the newest content of the files."""
    given = files.newest()

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        """Return the newest content; None if the last one is still good."""
        nonlocal given
        newest = files.newest()
        if newest is given:
            return None
        given = newest
        return _configuration(newest)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(given),
        fetch,  # type: ignore[arg-type]  # the stub forgets None, which gRPC documents
        require_client_authentication=files.asks_for_certificates,
    )


def caller_credentials(tls: CallerTLS) -> grpc.ChannelCredentials:
    """Return credentials with what the files hold now.

    Raises:
        Unavailable: A file cannot be used now; they were checked when the process began.
    """
    try:
        tls.check()
        ca, key, certificate = (
            path.read_bytes() if path else None for path in (tls.ca, tls.key, tls.certificate)
        )
    except InvalidInput as error:
        raise Unavailable(error.message, field=error.field) from error
    except OSError as error:
        raise Unavailable(f"Cannot read {error.filename}: {error.strerror}.", field="ca") from error
    return grpc.ssl_channel_credentials(ca, key, certificate)


def _configuration(pem: ServerPEM) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pem.key, pem.certificate)], pem.client_ca)

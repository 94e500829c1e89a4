"""The health of a combiner, asked from outside by the protocol of gRPC's health checks."""

from dataclasses import replace
from pathlib import Path

from grpc_health.v1 import health_pb2, health_pb2_grpc

from fednet import limits
from fednet.addresses import split_address
from fednet.certificates import name_in
from fednet.errors import FednetError, Unavailable
from fednet.proxies import grpc_proxy_of
from fednet.rpc import bare_channel, rpc_errors
from fednet.tls import CallerTLS


def check_health(
    address: str, tls: CallerTLS | None = None, certificate: Path | None = None
) -> None:
    """Ask a combiner if it serves.

    Args:
        address: The combiner's address, `host:port`.
        tls: The files of a caller over TLS; None for a combiner that speaks no TLS.
        certificate: A file with the combiner's own certificate, which is trusted alone, under whatever name; None to
            trust the authorities of `tls`.

    Raises:
        InvalidInput: The address is not `host:port`.
        Unavailable: It does not answer, or says that it does not serve.
    """
    split_address(address)
    name = ""
    if tls and certificate:
        tls, name = replace(tls, ca=certificate), name_in(certificate)
    asked = health_pb2.HealthCheckRequest()
    try:
        with rpc_errors(grpc_proxy_of(address)), bare_channel(address, tls, name) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(asked, timeout=limits.connect_seconds_max)
    except FednetError as error:
        raise Unavailable(f"The combiner at {address} does not answer: {error}") from error
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise Unavailable(f"The combiner at {address} does not serve.")

"""The health of a combiner, asked from outside by the protocol of gRPC's health checks."""

from grpc_health.v1 import health_pb2, health_pb2_grpc

from fednet import limits
from fednet.addresses import split_address
from fednet.errors import FednetError, Unavailable
from fednet.proxies import grpc_proxy_of
from fednet.rpc import bare_channel, rpc_errors
from fednet.tls import CallerTLS


def check_health(address: str, tls: CallerTLS | None = None) -> None:
    """Ask a combiner if it serves.

    Args:
        address: The combiner's address, `host:port`.
        tls: The files of a caller over TLS; None for a combiner that speaks no TLS.

    Raises:
        InvalidInput: The address is not `host:port`.
        Unavailable: It does not answer, or says that it does not serve.
    """
    split_address(address)
    asked = health_pb2.HealthCheckRequest()
    try:
        with rpc_errors(grpc_proxy_of(address)), bare_channel(address, tls) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            answer = health.Check(asked, timeout=limits.connect_seconds_max)
    except FednetError as error:
        raise Unavailable(f"The combiner at {address} does not answer: {error}") from error
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise Unavailable(f"The combiner at {address} does not serve.")

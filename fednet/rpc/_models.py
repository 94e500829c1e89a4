"""The service of files at both ends: chunks travel as `_chunks.py` writes and reads them, all else as protobuf does."""

from __future__ import annotations

from typing import Any, Final

import grpc
from google.protobuf.message_factory import GetMessageClass

from fednet.rpc._chunks import read_download_message, read_upload_message
from fednet.wire import models_pb2, models_pb2_grpc

_SERVICE: Final = models_pb2.DESCRIPTOR.services_by_name["Models"]


class ModelsStub(models_pb2_grpc.ModelsStub):
    """The file service at the other end; `Upload` takes messages, and `Download` gives chunks."""

    def __init__(self, channel: Any) -> None:
        super().__init__(channel)  # type: ignore[no-untyped-call]  # it is generated
        self.Upload = channel.stream_unary(
            f"/{_SERVICE.full_name}/Upload",
            response_deserializer=models_pb2.UploadReceipt.FromString,
        )
        self.Download = channel.unary_stream(
            f"/{_SERVICE.full_name}/Download",
            request_serializer=models_pb2.DownloadRequest.SerializeToString,
            response_deserializer=read_download_message,
        )


def add_models_service(service: models_pb2_grpc.ModelsServicer, server: grpc.aio.Server) -> None:
    """Add a file service to a server.

    Args:
        service: Its `Upload` is given what `read_upload_message` returns, and its `Download` gives messages.
        server: The server.
    """
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Upload": grpc.stream_unary_rpc_method_handler(
            service.Upload,
            request_deserializer=read_upload_message,
            response_serializer=models_pb2.UploadReceipt.SerializeToString,
        ),
        "Download": grpc.unary_stream_rpc_method_handler(
            service.Download, request_deserializer=models_pb2.DownloadRequest.FromString
        ),
    }
    for method in _SERVICE.methods:
        if method.name not in handlers:
            handlers[method.name] = grpc.unary_unary_rpc_method_handler(
                getattr(service, method.name),
                request_deserializer=GetMessageClass(method.input_type).FromString,
                response_serializer=GetMessageClass(method.output_type).SerializeToString,
            )
    handler = grpc.method_handlers_generic_handler(_SERVICE.full_name, handlers)
    server.add_generic_rpc_handlers((handler,))

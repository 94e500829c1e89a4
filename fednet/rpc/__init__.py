"""gRPC for all parts of fednet: channels, tokens, errors, and files, in pieces or through the object store."""

from fednet.rpc._auth import TokenGate, caller_of, claims_of
from fednet.rpc._channels import (
    Channel,
    TokenSource,
    bare_channel,
    channel_options,
    open_channel,
)
from fednet.rpc._chunk_rule import ChunkRule
from fednet.rpc._chunks import Chunk, download_messages
from fednet.rpc._credentials import server_credentials
from fednet.rpc._errors import abort, from_rpc_error, rpc_errors
from fednet.rpc._forks import allow_forks
from fednet.rpc._models import ModelsStub, add_models_service
from fednet.rpc._object_transfer import download_object, upload_object
from fednet.rpc._readiness import readiness_message, readiness_of
from fednet.rpc._text import sendable
from fednet.rpc._transfer import (
    Receiver,
    download,
    received_bytes,
    upload,
)

__all__ = [
    "Channel",
    "Chunk",
    "ChunkRule",
    "ModelsStub",
    "Receiver",
    "TokenGate",
    "TokenSource",
    "abort",
    "add_models_service",
    "allow_forks",
    "bare_channel",
    "caller_of",
    "channel_options",
    "claims_of",
    "download",
    "download_messages",
    "download_object",
    "from_rpc_error",
    "open_channel",
    "readiness_message",
    "readiness_of",
    "received_bytes",
    "rpc_errors",
    "sendable",
    "server_credentials",
    "upload",
    "upload_object",
]

"""fednet's errors over gRPC, to a real server and back."""

import grpc
import grpc.aio
import pytest

from fednet import limits
from fednet.errors import FednetError, InvalidInput, TaskFailed, Unavailable, every_error
from fednet.rpc import abort, from_rpc_error, rpc_errors
from fednet.wire import models_pb2, models_pb2_grpc


@pytest.fixture
def call(server_of_files, channel_to):
    """Calls the server, which refuses with the given error; returns what arrives."""
    servicer, address = server_of_files
    stub = models_pb2_grpc.ModelsStub(channel_to(address))

    def refused(error):
        servicer.refusal = error
        try:
            with rpc_errors():
                stub.Received(models_pb2.UploadId(), timeout=10)
        except FednetError as arrived:
            return arrived
        finally:
            servicer.refusal = None

    return refused


@pytest.mark.parametrize("kind", every_error().values(), ids=lambda kind: kind.code)
@pytest.mark.parametrize("field", [None, "num_examples"])
def test_every_error_comes_back_as_itself(call, kind, field):
    """Class, words and field are those of the other end."""
    arrived = call(kind("What is wrong, and what to do.", field=field))

    assert type(arrived) is kind
    assert (arrived.message, arrived.field) == ("What is wrong, and what to do.", field)
    assert isinstance(arrived.__cause__, grpc.RpcError)


@pytest.mark.parametrize("letter", ["x", "é", "漢", "🙂", "\n", "%", "\udce9"])
def test_long_words_are_cut_and_arrive(call, letter):
    """An error's text travels as a header, which must not grow beyond what receivers take."""
    arrived = call(InvalidInput(letter * 10**5, field=letter * 10**5))

    assert type(arrived) is InvalidInput
    assert len(arrived.message.encode()) <= limits.error_bytes_max
    assert len(arrived.field) <= limits.name_characters_max


def test_an_error_without_words_is_named_by_its_status(call):
    """No message is empty."""
    assert call(InvalidInput("")).message == "INVALID_ARGUMENT"


class ForeignError(grpc.RpcError):
    """What gRPC itself raises, or a server that is not ours."""

    def __init__(self, status, body=None):
        super().__init__()
        self._status, self._body = status, body

    def code(self):
        return self._status

    def details(self):
        return "their words"

    def trailing_metadata(self):
        return None if self._body is None else (("fednet-error", self._body),)


@pytest.mark.parametrize("status", grpc.StatusCode, ids=lambda status: status.name)
def test_every_status_is_an_error_of_ours(status):
    """No status is unmapped, and its name stays readable."""
    error = from_rpc_error(ForeignError(status))

    assert isinstance(error, FednetError)
    assert error.message == f"their words ({status.name})"


@pytest.mark.parametrize("status", ["UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "DATA_LOSS"])
def test_what_passes_is_worth_a_retry(status):
    """A broken link is no refusal."""
    assert from_rpc_error(ForeignError(grpc.StatusCode[status])).retryable


@pytest.mark.parametrize("status", ["UNKNOWN", "UNIMPLEMENTED", "INTERNAL"])
def test_a_fault_of_the_server_is_not_taken_for_one_of_ours(status):
    """Neither code of a package failed, nor is anything missing here."""
    assert type(from_rpc_error(ForeignError(grpc.StatusCode[status]))) is FednetError


@pytest.mark.parametrize("body", ["", "no json", "[]", "7", '{"code": []}', "[" * 10**4])
def test_an_unreadable_description_is_ignored(body):
    """What another server wrote there cannot do harm."""
    assert type(from_rpc_error(ForeignError(grpc.StatusCode.UNAVAILABLE, body))) is Unavailable


def test_a_call_on_a_closed_channel_is_unavailable(server_of_files, channel_to):
    """Whether the stub was made before the close or after: no foreign error, and no crash."""
    channel = channel_to(server_of_files[1])
    stub = models_pb2_grpc.ModelsStub(channel)
    channel.close()

    with pytest.raises(Unavailable), rpc_errors():
        stub.Received(models_pb2.UploadId())
    with pytest.raises(Unavailable), rpc_errors():
        list(stub.Download(models_pb2.DownloadRequest()))
    with pytest.raises(Unavailable), rpc_errors():
        models_pb2_grpc.ModelsStub(channel)


def test_other_errors_pass():
    """Only what gRPC says is translated."""
    with pytest.raises(ValueError, match="mine"), rpc_errors():
        raise ValueError("mine")


def test_a_failed_task_keeps_its_kind(call):
    """A subclass with more arguments can be made from what arrives."""
    assert type(call(TaskFailed("It failed.", traceback="…"))) is TaskFailed


def test_abort_never_returns(serve, channel_to):
    """What stands behind it in a handler does not run."""
    reached = []

    class Servicer(models_pb2_grpc.ModelsServicer):
        async def Received(self, _request, context):  # noqa: N802
            await abort(context, InvalidInput("no"))
            reached.append(True)

    address = serve(lambda to: models_pb2_grpc.add_ModelsServicer_to_server(Servicer(), to))

    with pytest.raises(InvalidInput), rpc_errors():
        models_pb2_grpc.ModelsStub(channel_to(address)).Received(models_pb2.UploadId())

    assert reached == []

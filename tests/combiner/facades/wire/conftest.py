"""A combiner that is served over loopback, with real tokens."""

import contextlib

import grpc
import numpy as np
import pytest
from wire_calls import Caller, update_of

from fednet.combiner.facades.wire.serving import gates, serve_wire
from fednet.combiner.gatekeeper import Gatekeeper
from fednet.combiner.machine.assignment import task_id_of
from fednet.contract import Principal, Role
from fednet.identity import Claims, Signer, combiner_audience, new_signing_key
from fednet.rpc import channel_options
from fednet.storage import open_blobs

COMBINER_ID = "combiner-1-id"
AUDIENCE = combiner_audience(COMBINER_ID)


@pytest.fixture
def store():
    """Give a distant store, so that models are copied to be downloaded."""
    opened = open_blobs("memory://")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def signer():
    return Signer.from_pem(new_signing_key())


@pytest.fixture
def served(combiner, signer):
    """Give a function that serves the combiner inside a block, and gives a maker of channels by role."""

    @contextlib.asynccontextmanager
    async def serve():
        await combiner.restart()
        gatekeeper = Gatekeeper()
        gatekeeper.admit(COMBINER_ID, [signer.public_key])
        server = grpc.aio.server(
            interceptors=gates(gatekeeper.read), options=channel_options(server=True)
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await serve_wire(server, combiner.engine.ports, gatekeeper)
        async with contextlib.AsyncExitStack() as channels:

            def token_of(role, id_):
                if role is None:
                    return None
                return signer.sign_claims(
                    Claims.of(Principal.of(role, id_, id_), audience=AUDIENCE)
                )

            async def caller(role=None, id_="a"):
                address, options = f"127.0.0.1:{port}", channel_options()
                channel = grpc.aio.insecure_channel(address, options=options)
                return Caller(
                    await channels.enter_async_context(channel),
                    channels.enter_context(grpc.insecure_channel(address, options=options)),
                    token_of(role, id_),
                )

            caller.gatekeeper = gatekeeper
            yield caller
        await server.stop(None)
        await combiner.close()

    return serve


@pytest.fixture
def large(put_model):
    """Return a model of three pieces, and an update of it."""
    array = np.arange(700_000, dtype=np.float32)
    return put_model(array), update_of(array)


@pytest.fixture
def uploading(served, phase_of, large):
    """Give a function that serves a combiner with one open task; it gives the client, the task and an update."""

    @contextlib.asynccontextmanager
    async def begin():
        model, update = large
        phase = phase_of("a", model=model)
        async with served() as caller:
            controller, client = await caller(Role.CONTROLLER), await caller(Role.CLIENT)
            await controller.call(controller.rounds.Start, phase)
            yield caller, client, task_id_of(phase.phase_id, "a"), update

    return begin

"""Clients that wait before they can be asked for tasks, as the controllers hear of them."""

from fednet.combiner.facades.wire.to_controllers import event_message
from fednet.readiness import READY, Readiness
from fednet.wire import tasks_pb2


async def test_many_steps_are_told_as_one(combiner):
    """A client cannot flood the controllers with its steps; the end of its preparation is told, too."""
    await combiner.restart()
    stream = combiner.connect("a")
    told = combiner.engine.controllers.watch("controller-1")
    await anext(told)  # the snapshot
    heard = []
    for steps in ([f"step {number}" for number in range(1_000)], ["another step", ""]):
        for step in steps:
            combiner.engine.clients.waits(stream, Readiness(step))
        heard.append(event_message(await anext(told)).client_joined.readiness.step)
    await told.aclose()

    assert heard == ["step 999", ""]


async def test_a_client_that_comes_back_says_again_that_it_prepares(combiner):
    """Its hello has the step."""
    await combiner.restart()
    stream = combiner.connect(
        "a", tasks_pb2.Hello(kinds=["TRAIN"], readiness={"step": "installing"})
    )

    assert stream.capabilities.readiness == Readiness("installing")


async def test_an_old_stream_tells_nothing(combiner):
    """The newer stream of the client knows better."""
    await combiner.restart()
    old, new = combiner.connect("a"), combiner.connect("a")

    combiner.engine.clients.waits(old, Readiness("installing"))

    assert (old.capabilities.readiness, new.capabilities.readiness) == (READY, READY)

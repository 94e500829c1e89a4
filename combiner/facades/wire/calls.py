"""The border of the services' calls, where errors go to the other end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

from google.protobuf.message import DecodeError

from fednet import limits
from fednet.budgets import CallerSlots
from fednet.errors import DeadlineExceeded, FednetError, InvalidInput, Throttled, Unavailable
from fednet.rpc import abort

Message = TypeVar("Message")


@contextlib.asynccontextmanager
async def errors_to(context: Any) -> AsyncIterator[None]:
    """End a call with the error that is raised inside the block."""
    try:
        yield
    except FednetError as error:
        await abort(context, error)
    except DecodeError:
        await abort(
            context,
            InvalidInput(
                "A message of the stream is not of its protocol. Use one version of fednet."
            ),
        )
    except OSError as error:
        await abort(context, Unavailable(f"The combiner cannot use a file: {error.strerror}."))


async def first_of(messages: AsyncIterator[Message]) -> Message | None:
    """Return the first message of a stream; None if it has none.

    Raises:
        DeadlineExceeded: It does not come in time.
    """
    return await next_of(messages, limits.first_message_seconds_max)


async def next_of(messages: AsyncIterator[Message], seconds_max: float) -> Message | None:
    """Return the next message of a stream; None at its end.

    Raises:
        DeadlineExceeded: It does not come in time.
    """
    try:
        async with asyncio.timeout(seconds_max):
            return await anext(messages, None)
    except TimeoutError as error:
        raise DeadlineExceeded(
            f"No message has come for {seconds_max:.0f} seconds. Call again."
        ) from error


class Transfers:
    """The transfers under way, of which each caller has a few."""

    def __init__(self) -> None:
        self._slots = CallerSlots()

    @contextlib.contextmanager
    def one_of(self, caller_id: str) -> Iterator[None]:
        """Count a transfer while the block lasts.

        Raises:
            Throttled: The caller has too many.
        """
        if not self._slots.take(caller_id, limits.caller_transfers_max):
            raise Throttled(
                f"You have {limits.caller_transfers_max} transfers under way. Finish one of them first."
            )
        try:
            yield
        finally:
            self._slots.give_back(caller_id)

"""Calls that are repeated: at the next address when a controller is away, and after a pause when all are.

A controller is away when it refuses or breaks a connection, does not answer in time, or answers 502, 503 or 504, as
one does that stops. Each address is tried at most `limits.retry_attempts_max` + 1 times.

A call whose connection broke after it was sent may have been done, and is repeated all the same, at the same address
or at another. That is safe for every verb: whatever creates something carries an id that the caller made, and sending
it again changes nothing.

A stopped process still takes connections, and says nothing. So a call that may be done twice at once waits only
`limits.first_answer_seconds_max` for a controller while there is another address to ask, and twice as long in each
further pass. The last address of a pass may think as long as the call allows.
"""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.errors import DeadlineExceeded, FednetError, InvalidInput, Unavailable, from_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import requests

_STATUSES_OF_ONE_AWAY = (502, 503, 504)


@dataclass(frozen=True)
class _Failure:
    """An attempt that failed because the controller at an address is away.

    Attributes:
        address: The address.
        error: The error; its message names the address, unless the controller said it.
        was_said: The controller answered with the error.
    """

    address: str
    error: FednetError
    was_said: bool = False

    @property
    def reason(self) -> str:
        """The error as one sentence of several, with its address."""
        message = self.error.message
        return f"{self.address} says: {message}" if self.was_said else message


class Attempts:
    """Sends calls to the first of some addresses that answers, and goes on with that one.

    Args:
        addresses: The controllers' addresses.
        authorize: Adds the token to a request; as an `auth`, so that no ~/.netrc takes its place.
        verify: Check servers' certificates (https only).
    """

    def __init__(
        self,
        addresses: Sequence[str],
        authorize: Callable[[requests.PreparedRequest], requests.PreparedRequest],
        *,
        verify: bool,
    ) -> None:
        self._addresses = tuple(addresses)
        self._authorize = authorize
        self._verify = verify
        self._in_use = 0
        self._pause = threading.Event()

    def send(
        self,
        method: str,
        path: str,
        seconds: float,
        *,
        waits: float = 0.0,
        may_overlap: bool = False,
        **options: Any,
    ) -> requests.Response:
        """Return a controller's answer, unless it says that the controller is away.

        Args:
            method: The verb.
            path: Below the address.
            seconds: How long a controller may think.
            waits: How long it was asked to wait besides, in seconds.
            may_overlap: Another controller may be asked while this one still thinks.
            **options: More for `requests`; `data` that is a file is read from its beginning in each attempt.

        Raises:
            FednetError: An address is none; or all controllers are away, with the reason of each.
        """
        failures: dict[str, _Failure] = {}
        for failed in range(limits.retry_attempts_max + 1):
            if failed:
                self._pause.wait(_pause_seconds(failed))
            quick = limits.first_answer_seconds_max * 2**failed if may_overlap else seconds
            order = self._in_turn()
            for number in order:
                address = self._addresses[number]
                patience = seconds if number == order[-1] else min(seconds, quick)
                timeout = (min(limits.connect_seconds_max, patience), waits + patience)
                answer = self._attempt(address, method, path, timeout, options)
                if not isinstance(answer, _Failure):
                    self._in_use = number
                    return answer
                failures[address] = answer
        raise _all_failed(list(failures.values()))

    def _in_turn(self) -> Sequence[int]:
        """Return the numbers of all addresses, from the one that answered last on."""
        first = self._in_use
        return [*range(first, len(self._addresses)), *range(first)]

    def close(self) -> None:
        """Give up the connections; a later call makes new ones."""
        if "_session" in vars(self):
            self._session.close()

    @cached_property
    def _session(self) -> requests.Session:
        from fednet.http_pools import session

        return session(self._authorize)

    def _attempt(
        self,
        address: str,
        method: str,
        path: str,
        timeout: tuple[float, float],
        options: dict[str, Any],
    ) -> requests.Response | _Failure:
        """Return the answer, or why there is none in time; the time-outs are to connect and for each read."""
        if hasattr(options.get("data"), "seek"):
            options["data"].seek(0)
        try:
            with errors_of_fednet(address):
                response = self._session.request(
                    method,
                    address + path,
                    timeout=timeout,
                    verify=self._verify,
                    allow_redirects=False,
                    **options,
                )
        except (Unavailable, DeadlineExceeded) as error:
            return _Failure(address, error)
        if response.status_code not in _STATUSES_OF_ONE_AWAY:
            return response
        with response:
            return _Failure(address, refusal(response), was_said=True)


@contextmanager
def errors_of_fednet(address: str) -> Iterator[None]:
    """Raise the errors of `requests` as fednet's.

    Raises:
        InvalidInput: The address is none.
        DeadlineExceeded: It did not answer in time.
        Unavailable: It cannot be reached, or broke off.
    """
    from requests import exceptions

    try:
        yield
    except exceptions.Timeout as error:
        raise DeadlineExceeded(f"{address} did not answer in time.") from error
    except (
        exceptions.InvalidURL,
        exceptions.InvalidSchema,
        exceptions.MissingSchema,
    ) as error:
        raise InvalidInput(f"{address!r} is no address: {error}", field="host") from error
    except exceptions.RequestException as error:
        raise Unavailable(f"{address} cannot be reached: {_innermost(error)}.") from error


def refusal(response: requests.Response) -> FednetError:
    """Return the error that a controller answered."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    return from_dict(body if isinstance(body, dict) else {}, response.status_code)


def _all_failed(failures: list[_Failure]) -> FednetError:
    """Return the error that has the reason of each address."""
    last = failures[-1].error
    if len(failures) == 1 and failures[0].was_said:
        return last
    reasons = " ".join(failure.reason for failure in failures)
    kind = type(last) if len({type(failure.error) for failure in failures}) == 1 else Unavailable
    error = kind(f"{reasons} Is the controller running?", field=last.field)
    error.__cause__ = last
    return error


def _pause_seconds(failed: int) -> float:
    """Return the pause after so many failures in a row: none, then doubling, capped, with jitter."""
    longest = limits.retry_seconds_first * 2 ** (failed - 1) if failed > 1 else 0.0
    jitter = random.uniform(0, limits.retry_seconds_first)  # noqa: S311  jitter is no secret
    return min(longest, limits.retry_seconds_max) + jitter


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error

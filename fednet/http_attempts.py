"""Repeats calls: at the next address if a controller is away, and after a pause if all are.

A controller is away if it refuses or breaks a connection, does not answer in time, or answers 502, 503 or 504, as a
stopping controller does. Each address is tried at most `limits.retry_attempts_max` + 1 times, unless the caller wants
fewer attempts.

A call whose connection breaks after it was sent may have been performed; it is repeated nevertheless, at the same
address or at another one. That is safe for every verb: a call that creates an object carries an id that the caller has
made, and repeating it changes nothing.

A stopped process still accepts connections but does not answer. So a call that may be performed twice at once waits
only `limits.first_answer_seconds_max` for a controller while another address is left, and twice as long in each further
pass. The last address of a pass may take as long as the call allows.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.errors import DeadlineExceeded, FednetError, Unavailable
from fednet.http_errors import errors_of_fednet, refusal, wrong_scheme
from fednet.http_pools import tls_options
from fednet.proxies import proxies_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import requests

    from fednet.tls import CallerTLS

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
        """The error with its address, as one sentence of several."""
        message = self.error.message
        return f"{self.address} says: {message}" if self.was_said else message


class Attempts:
    """Sends calls to the first of some addresses that answers, and stays with that one.

    Args:
        addresses: The controllers' addresses.
        authorize: Adds the token to a request; it is an `auth`, so that no ~/.netrc replaces the token.
        verify: Check servers' certificates (https only).
        retries_max: The number of further passes over all addresses, each after a pause.
        tls: The files of the caller (https only).
        on_retry: Called before each attempt after the first one.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        authorize: Callable[[requests.PreparedRequest], requests.PreparedRequest],
        *,
        verify: bool,
        retries_max: int,
        tls: CallerTLS,
        on_retry: Callable[[], None],
    ) -> None:
        self._addresses = tuple(addresses)
        self._authorize = authorize
        self._tls = tls_options(tls, verify=verify)
        self._retries_max = retries_max
        self._on_retry = on_retry
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
        """Return the answer of a controller that is not away.

        Args:
            method: The verb.
            path: Below the address.
            seconds: The time that a controller may take.
            waits: The further time that a controller is asked to wait, in seconds.
            may_overlap: Ask another controller while one still works on the call.
            **options: Further options of `requests`; a file as `data` is read from its beginning in each attempt.

        Raises:
            FednetError: An address is invalid; or all controllers are away, with the reason of each.
        """
        failures: dict[str, _Failure] = {}
        for failed in range(self._retries_max + 1):
            if failed:
                self._pause.wait(_pause_seconds(failed))
            quick = limits.first_answer_seconds_max * 2**failed if may_overlap else seconds
            order = self._in_turn()
            for number in order:
                address = self._addresses[number]
                patience = seconds if number == order[-1] else min(seconds, quick)
                timeout = (min(limits.connect_seconds_max, patience), waits + patience)
                if failures:
                    self._on_retry()
                answer = self._attempt(address, method, path, timeout, options)
                if not isinstance(answer, _Failure):
                    self._in_use = number
                    return answer
                failures[address] = answer
        raise _all_failed(list(failures.values()))

    def _in_turn(self) -> Sequence[int]:
        """Return the numbers of all addresses, beginning with the one that answered last."""
        first = self._in_use
        return [*range(first, len(self._addresses)), *range(first)]

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
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
        """Return the answer or a failure; the time-outs are those to connect and for each read."""
        if hasattr(options.get("data"), "seek"):
            options["data"].seek(0)
        try:
            with errors_of_fednet(address):
                response = self._session.request(
                    method,
                    address + path,
                    timeout=timeout,
                    **self._tls,
                    proxies=proxies_of(address),
                    allow_redirects=False,
                    **options,
                )
        except (Unavailable, DeadlineExceeded) as error:
            return _Failure(address, error)
        if response.status_code not in _STATUSES_OF_ONE_AWAY:
            return response
        with response:
            return _Failure(address, refusal(response), was_said=True)


def _all_failed(failures: list[_Failure]) -> FednetError:
    """Return an error with the reason of each address, or with the one address that has the wrong scheme."""
    last = failures[-1].error
    for failure in failures:
        if _is_broken(failure.error) and (wrong := wrong_scheme(failure.address)):
            return wrong
    if len(failures) == 1 and failures[0].was_said:
        return last
    reasons = " ".join(failure.reason for failure in failures)
    kind = type(last) if len({type(failure.error) for failure in failures}) == 1 else Unavailable
    error = kind(f"{reasons} Is the controller running?", field=last.field)
    error.__cause__ = last
    return error


def _is_broken(error: FednetError) -> bool:
    """Return True if a connection was made, and ended without an answer."""
    from urllib3.exceptions import ProtocolError

    arguments = getattr(error.__cause__, "args", ())
    return any(isinstance(each, ProtocolError) for each in arguments)


def _pause_seconds(failed: int) -> float:
    """Return the pause after a number of failures in a row: none, then doubling up to a maximum, with jitter."""
    longest = limits.retry_seconds_first * 2 ** (failed - 1) if failed > 1 else 0.0
    jitter = random.uniform(0, limits.retry_seconds_first)  # noqa: S311  jitter is no secret
    return min(longest, limits.retry_seconds_max) + jitter

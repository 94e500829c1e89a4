"""Passwords: hashed with argon2id (RFC 9106), and checked a few at a time, because each check takes much memory."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from fednet import limits
from fednet.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from argon2 import PasswordHasher


class Passwords:
    """Hashes and checks passwords. For any thread."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(limits.password_checks_max)

    def hash(self, password: str) -> str:
        """Return the hash of a new password, with its salt and its parameters.

        Raises:
            InvalidInput: The password is too short or too long.
            Unavailable: Too many passwords are being checked.
        """
        if not limits.password_characters_min <= len(password) <= limits.password_characters_max:
            raise InvalidInput(
                f"The password has {len(password)} characters: use {limits.password_characters_min} to "
                f"{limits.password_characters_max}.",
                field="password",
            )
        with _Place(self._places):
            return self._hasher.hash(password)

    def is_right(self, password: str, expected: str | None) -> bool:
        """Return True if a password has the expected hash.

        Args:
            password: The password.
            expected: Its hash; None where there is no account, which takes as long and is never right.

        Raises:
            Unavailable: Too many passwords are being checked.
        """
        from argon2.exceptions import VerifyMismatchError

        with _Place(self._places):
            nobodys = self._nobodys  # also where it is not needed, so that both cases take as long
            try:
                return self._hasher.verify(expected or nobodys, password) and expected is not None
            except VerifyMismatchError:
                return False

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher, Type

        return PasswordHasher(
            time_cost=limits.password_hash_passes,
            memory_cost=limits.password_hash_bytes // limits.KIB,
            parallelism=limits.password_hash_lanes,
            type=Type.ID,
        )

    @cached_property
    def _nobodys(self) -> str:
        return self._hasher.hash("the password of nobody")


class _Place:
    """One of the places for checks, held inside a block."""

    def __init__(self, places: threading.BoundedSemaphore) -> None:
        self._places = places

    def __enter__(self) -> None:
        if not self._places.acquire(timeout=limits.password_wait_seconds_max):
            raise Unavailable("Too many passwords are being checked. Try again in a moment.")

    def __exit__(self, *_: object) -> None:
        self._places.release()

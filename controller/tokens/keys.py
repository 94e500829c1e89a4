"""The network's signing keys: one signs, and for a while two verify. They lie in the state store, as one document.

A new key is trusted at once, and signs some seconds later: by then all controllers and combiners have heard of it. The
older one verifies until it is retired, or until the next rotation.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fednet import limits
from fednet.errors import FailedPrecondition
from fednet.identity import (
    Claims,
    Signer,
    Verifier,
    Warrant,
    admin_token,
    keep_signing_key,
    new_signing_key,
    read_signing_key,
    replace_private_file,
    signing_key_file,
)

from ..records import Records, timestamp

_SECRETS: Final = "secrets"
_ID: Final = "signing_key"


@dataclass(frozen=True)
class _Key:
    """A signing key.

    Attributes:
        signer: Signs with it.
        pem: The private key.
        created_at: When it was made: ISO 8601, UTC.
        signs_from: Since when it signs, in seconds since 1970.
    """

    signer: Signer
    pem: str
    created_at: str
    signs_from: float

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> _Key:
        """Return a key of the store's document."""
        signer = Signer.from_pem(stored["pem"], "The state store's document signing_key")
        return cls(signer, stored["pem"], stored["created_at"], stored["signs_from"])


class NetworkKeys:
    """The keys of the network, as this controller knows them. For any thread.

    Args:
        records: The documents that all controllers share.
        data_dir: This controller's data folder. It has a copy of the newest key for `fednet token create`, which asks
            no network.

    Attributes:
        verifier: Reads tokens for the REST API, with the keys of the moment.
    """

    def __init__(self, records: Records, data_dir: Path) -> None:
        self._records = records
        self._data_dir = data_dir
        self._keys: tuple[_Key, ...] = ()
        self._retired: frozenset[str] = frozenset()

    @classmethod
    def open(cls, records: Records, data_dir: Path, given: str | None = None) -> NetworkKeys:
        """Return the network's keys, and keep a copy of the newest one in the data folder.

        The keys in the state store count. If the store has none, the folder's key becomes the network's, or the given
        one, or a new one. Of several controllers that begin at once, one makes the key, and the others take it.

        Args:
            records: The documents that all controllers share.
            data_dir: This controller's data folder.
            given: The private key of the setting `signing_key`, in PEM.

        Raises:
            FailedPrecondition: The folder has a key that is none of the network's, or the given one was never the
                network's; or one of them is no key; or the folder cannot be used.
            Unavailable: The store does not answer.
        """
        keys = cls(records, data_dir)
        own = read_signing_key(data_dir)
        if own is not None:
            Signer.from_pem(
                own, str(signing_key_file(data_dir))
            )  # a damaged file never becomes the network's key
        given_id = (
            None if given is None else Signer.from_pem(given, "The setting signing_key").key_id
        )
        if records.documents.get(_SECRETS, _ID) is None:
            offered = {
                "id": _ID,
                "pem": own or given or new_signing_key(),
                "committed_at": timestamp(),
            }
            records.documents.insert_missing(_SECRETS, [offered])
        keys._read()
        keys._check_given(given_id)
        keys.verifier = Verifier(*keys.public_keys)
        keys._keep_copy()
        return keys

    verifier: Verifier

    @property
    def signer(self) -> Signer:
        """The key that signs now: the newest one whose time has come."""
        now = time.time()
        return next(
            (key.signer for key in self._keys if key.signs_from <= now), self._keys[-1].signer
        )

    @property
    def public_keys(self) -> tuple[str, ...]:
        """The keys that verify tokens now, in PEM, the newest first."""
        return tuple(key.signer.public_key for key in self._keys)

    @property
    def retired(self) -> frozenset[str]:
        """The ids of the keys that were the network's."""
        return self._retired

    def sign(self, claims: Claims) -> str:
        """Return the token with this content."""
        return self.signer.sign_claims(claims)

    def sign_warrant(self, warrant: Warrant) -> str:
        """Return a warrant as a client takes it."""
        return self.signer.sign_warrant(warrant)

    def described(self) -> list[dict[str, str]]:
        """Return id, time and state of each key, the newest first, without the key itself."""
        signing = self.signer.key_id
        return [
            {
                "id": key.signer.key_id,
                "created_at": key.created_at,
                "state": "signs" if key.signer.key_id == signing else _state_of(key),
            }
            for key in self._keys
        ]

    def load(self) -> None:
        """Read the keys anew, after a change at whatever controller.

        Raises:
            Unavailable: The store does not answer.
        """
        before = self.public_keys
        self._read()
        if self.public_keys != before:
            self.verifier.trust(self.public_keys)
        self._keep_copy()
        admin_token(self._data_dir, self.signer, self.verifier, self._retired)

    def rotate(self) -> None:
        """Make a new key. It signs in some seconds; the present one goes on verifying, an older one does not.

        Raises:
            Conflict: Others have changed the keys again and again.
            FailedPrecondition: There is an older key whose tokens may still be in use.
        """
        new = _stored(new_signing_key(), time.time() + limits.key_activation_seconds)

        def changes(document: Mapping[str, Any]) -> dict[str, Any]:
            present, *older = _stored_keys(document)
            if older:
                _check_may_rotate(present["signs_from"])
            return _document([new, present], document)

        self._records.update(_SECRETS, _ID, changes)
        self.load()

    def retire(self, *, force: bool = False) -> None:
        """Refuse the tokens of the older key from now on.

        Args:
            force: Also while members may not have renewed their tokens: they need new ones then.

        Raises:
            FailedPrecondition: There is one key alone; or the new one is too young.
        """

        def changes(document: Mapping[str, Any]) -> dict[str, Any]:
            keys = _stored_keys(document)
            if len(keys) == 1:
                raise FailedPrecondition("There is no older key to retire: rotate the key first.")
            _check_age(keys[0]["signs_from"], force=force)
            return _document(keys[:1], document)

        self._records.update(_SECRETS, _ID, changes)
        self.load()

    def _read(self) -> None:
        document = self._records.get(_SECRETS, _ID)
        self._keys = tuple(_Key.of(each) for each in _stored_keys(document))
        self._retired = frozenset(document.get("retired", ()))

    def _check_given(self, key_id: str | None) -> None:
        if key_id is not None and not self._was_ever(key_id):
            raise FailedPrecondition(
                "The setting signing_key is not a key of the network in this state store: give the network's newest "
                "key, which each controller keeps in its data folder as signing.key, or leave the setting out.",
                field="signing_key",
            )

    def _was_ever(self, key_id: str) -> bool:
        """Return True for a key that is or was the network's."""
        return key_id in self._retired | {key.signer.key_id for key in self._keys}

    def _keep_copy(self) -> None:
        """Keep a copy of the newest key in the folder, in place of one that was the network's."""
        path, newest = signing_key_file(self._data_dir), self._keys[0]
        copy = Signer.from_pem(keep_signing_key(self._data_dir, newest.pem), str(path))
        if copy.key_id == newest.signer.key_id:
            return
        if not self._was_ever(copy.key_id):
            raise FailedPrecondition(
                f"{path} differs from the network's signing key in the state store. If this folder belongs to another "
                "network, give --data-dir or --state-store of the same one. To join the network of this state store, "
                "move signing.key and admin.token away: tokens that the moved key has signed are refused from then on.",
                field="data_dir",
            )
        replace_private_file(path, newest.pem)


def _stored_keys(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the keys of the store's document, the newest first; one of fednet 0.1.0 has one key and no list."""
    first = {
        "pem": document["pem"],
        "created_at": document.get("committed_at", ""),
        "signs_from": 0.0,
    }
    return list(document.get("keys") or [first])


def _stored(pem: str, signs_from: float) -> dict[str, Any]:
    return {"pem": pem, "created_at": timestamp(), "signs_from": signs_from}


def _document(keys: Sequence[Mapping[str, Any]], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes of the store's document: these keys alone; others that it had are retired."""
    kept = {key["pem"] for key in keys}
    gone = [_Key.of(key).signer.key_id for key in _stored_keys(before) if key["pem"] not in kept]
    retired = [*before.get("retired", ()), *gone][-limits.retired_keys_max :]
    return {"keys": list(keys), "retired": retired, "pem": None}


def _check_age(signs_from: float, *, force: bool) -> None:
    """Refuse to retire the older key before the newer one signs, and before members have renewed their tokens."""
    least = 0.0 if force else limits.key_overlap_seconds
    left = signs_from + least - time.time()
    if left > 0:
        raise FailedPrecondition(
            f"Not all members have tokens of the new key yet: retire the older one in {left:.0f} s. With force, only "
            "the new key has to sign; members that have no newer token then need one of `fednet token reissue`."
        )


def _check_may_rotate(signs_from: float) -> None:
    """Refuse to drop the older key for a new one before members have renewed their tokens."""
    left = signs_from + limits.key_overlap_seconds - time.time()
    if left > 0:
        raise FailedPrecondition(
            f"The last rotation is too recent: members may still have tokens of the older key. Rotate again in "
            f"{left:.0f} s, or retire the older key first."
        )


def _state_of(key: _Key) -> str:
    return "signs soon" if key.signs_from > time.time() else "verifies"

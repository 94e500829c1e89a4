"""The vault of a client: its identity, the identities that it knows, and one file for each secure round.

<folder>/identity          the private key of its Ed25519 identity, base64
        /known.json        {"clients": {client id: public key, base64}}: trusted on first use
        /rounds/<digest>   {"secret": 64 hexadecimal digits, "promises": {purpose: digest}}

The secret of a round lies in one file with the promises of the round, so neither outlives the other. The files of the
oldest rounds are deleted: whoever replays one of them meets a client with another secret, and learns nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import secrets
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.errors import Conflict, FailedPrecondition, InvalidInput
from fednet.files import PRIVATE, private_folder, sync, write_once, write_whole
from fednet.secure.identities import Identity, new_identity

_log = logging.getLogger(__name__)
_KEY_BYTES = 32


class Vault:
    """The vault of one client; see `fednet.secure.own_rounds.VaultPort`. For one thread.

    Args:
        folder: Its folder.
        known_clients: A file with the only clients that are trusted, one "client-id base64-key" a line; None to trust
            each client on first use.

    Raises:
        InvalidInput: The file of known clients is damaged, or cannot be read.
    """

    def __init__(self, folder: Path, known_clients: Path | None = None) -> None:
        self._folder = folder
        self._rounds = folder / "rounds"
        self._pins = known_clients
        if known_clients:
            read_known_clients(known_clients)

    @cached_property
    def identity(self) -> Identity:
        """The client's own identity; made when it is first needed.

        Raises:
            FailedPrecondition: Its file is damaged.
        """
        private_folder(self._folder)
        path = self._folder / "identity"
        text = path.read_bytes() if path.exists() else self._new_identity(path)
        try:
            return Identity(_key_of(text.decode().strip()))
        except ValueError as error:
            raise FailedPrecondition(
                f"The identity of this client in {path} is damaged: bring it back from a backup. Or delete it, and let "
                "all other sites delete this client from their known clients."
            ) from error

    def secret(self, round_digest: str) -> bytes:
        """Return the 32 random bytes of a round; see `VaultPort`."""
        return bytes.fromhex(self._round(round_digest)["secret"])

    def bind(self, round_digest: str, what: str, digest: str) -> None:
        """Promise a digest for a purpose in a round; see `VaultPort`."""
        kept = self._round(round_digest)
        promised = kept["promises"].get(what)
        if promised == digest:
            return
        if promised is not None:
            raise Conflict(f"This client has promised another {what} in this round.")
        kept["promises"][what] = digest
        self._write(self._rounds / round_digest, kept)

    def admit(self, keys: Mapping[str, bytes]) -> dict[str, str]:
        """Trust the identities of clients from now on, if no others are known; see `VaultPort`."""
        known = read_known_clients(self._pins) if self._pins else self._trusted()
        strangers = {client: key for client, key in keys.items() if client not in known}
        refused = {
            client: f"its identity is another one than before: see {self._pins or self._known_path}."
            for client, key in keys.items()
            if client not in strangers and known[client] != key
        }
        if self._pins:
            return refused | dict.fromkeys(strangers, f"it is not in {self._pins}.")
        if strangers:
            self._trust(known | strangers)
        return refused

    # Rounds

    def _round(self, round_digest: str) -> dict[str, Any]:
        """Return what is kept of a round; a new one gets a secret."""
        path = self._rounds / round_digest
        try:
            kept = json.loads(path.read_bytes())
        except FileNotFoundError:
            kept = {"secret": secrets.token_hex(_KEY_BYTES), "promises": {}}
            private_folder(self._rounds)
            self._make_room()
            self._write(path, kept)
        assert isinstance(kept, dict)
        return kept

    def _make_room(self) -> None:
        by_age = sorted(self._rounds.iterdir(), key=lambda each: each.stat().st_mtime_ns)
        for old in by_age[: -(limits.secure_rounds_max - 1)]:
            old.unlink()

    # Identities

    @property
    def _known_path(self) -> Path:
        return self._folder / "known.json"

    def _trusted(self) -> dict[str, bytes]:
        try:
            clients = json.loads(self._known_path.read_bytes())["clients"]
            return {client: _key_of(text) for client, text in clients.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FailedPrecondition(
                f"The identities of other clients in {self._known_path} are damaged: delete the file to trust each "
                "client on first use again."
            ) from error

    def _trust(self, known: Mapping[str, bytes]) -> None:
        if len(known) > limits.secure_known_clients_max:
            raise FailedPrecondition(
                f"This client knows {len(known)} others, and keeps at most {limits.secure_known_clients_max}: "
                f"delete {self._known_path}, or pin clients with --known-clients."
            )
        private_folder(self._folder)
        clients = {client: base64.b64encode(key).decode() for client, key in known.items()}
        self._write(self._known_path, {"clients": clients})

    @staticmethod
    def _new_identity(path: Path) -> bytes:
        return write_once(path, base64.b64encode(new_identity()) + b"\n", mode=PRIVATE)

    @staticmethod
    def _write(path: Path, content: Mapping[str, Any]) -> None:
        write_whole(path, json.dumps(content).encode(), mode=PRIVATE, durable=True)
        sync(path.parent)


def read_known_clients(path: Path) -> dict[str, bytes]:
    """Return the public keys in a file of known clients, by client; lines that begin with # are comments.

    Raises:
        InvalidInput: A line is none, or the file cannot be read.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"Cannot read the known clients in {path}: {error}.", field="known_clients"
        ) from error
    found: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            client, text = words
            found[client] = _key_of(text)
        except ValueError as error:
            raise InvalidInput(
                f"Line {number} of {path} is no 'client-id base64-key': copy it from `fednet client identity`.",
                field="known_clients",
            ) from error
    return found


def _key_of(text: str) -> bytes:
    """Return the 32 bytes in a text; raise ValueError if there are others."""
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("This is no base64 text.") from error
    if len(key) != _KEY_BYTES:
        raise ValueError(f"This has {len(key)} bytes.")
    return key

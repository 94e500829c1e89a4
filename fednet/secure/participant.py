"""The client's side of secure aggregation."""

from __future__ import annotations

from typing import Protocol


class VaultPort(Protocol):
    """What a client keeps: its secrets, the identities that it knows, and what it has promised in a round."""

    def secret(self, session_id: str) -> bytes:
        """Return the 32 random bytes of a session, the same each time, also after a restart."""
        ...

    def bind(self, session_id: str, round_digest: str, what: str, digest: str) -> None:
        """Promise a digest for a purpose in a round; the promise is on disk before this returns.

        Raises:
            Conflict: Another digest was promised.
        """
        ...

    def known_identity(self, client_id: str) -> bytes | None:
        """Return the Ed25519 public key of a client, None if it is not known."""
        ...

    def know_identity(self, client_id: str, key: bytes) -> None:
        """Trust a public key of a client from now on; the key is on disk before this returns.

        Raises:
            PermissionDenied: This site does not trust on first use, or knows another key.
        """
        ...

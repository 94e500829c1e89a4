"""The secrets that clients of SecAgg+ have revealed, and the masks that follow from them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from fednet.errors import InvalidInput, SecureRoundFailed
from fednet.secure.dealings import OPENING_BYTES, is_opened, share_of
from fednet.secure.forms import KEY_BYTES
from fednet.secure.keys import agreed_key, derived, private_key, public_bytes
from fednet.secure.masks import MaskKey
from fednet.secure.secagg_forms import RevealAnswer, RevealedShare, own_purpose, pair_purpose
from fednet.secure.shamir import SHARE_BYTES, recovered, weights_at_zero

if TYPE_CHECKING:
    from fednet.secure.secagg_record import SecAggRecord


class RevealedSecrets:
    """The revealed shares of a round that fit their commitments.

    Args:
        known: The round.
    """

    def __init__(self, known: SecAggRecord) -> None:
        self._known = known
        self._weights: dict[tuple[int, ...], list[int]] = {}

    @property
    def problems(self) -> dict[str, str]:
        """The reason of each client that has revealed something else than its shares."""
        return self._read[1]

    def masks(self) -> list[MaskKey]:
        """Return the masks to add to the sum of the masked updates.

        Raises:
            SecureRoundFailed: Too few shares of a client are there, or they give no key of its own.
        """
        self._known.check_count(len(self._known.survivors), "masked updates")
        masks: list[MaskKey] = []
        for dealer in sorted(self._known.dealers):
            secret = self._recovered(dealer)
            masks += (
                [self._own_mask(dealer, secret)]
                if dealer in self._known.survivors
                else self._pair_masks(dealer, secret)
            )
        return masks

    def _own_mask(self, dealer: int, secret: bytes) -> MaskKey:
        purpose = own_purpose(self._known.dealers_digest, dealer)
        return MaskKey(derived(secret, purpose), subtract=True)

    def _pair_masks(self, dealer: int, secret: bytes) -> list[MaskKey]:
        """Return the masks that the survivors share with a client that is gone, with the opposite sign."""
        known, key = self._known, private_key(secret)
        if public_bytes(key) != known.cards[dealer].keys[KEY_BYTES:]:
            raise SecureRoundFailed(
                f"The client {known.names[dealer]} has dealt shares of another key than its own: leave it out."
            )
        return [
            MaskKey(
                agreed_key(
                    key, known.cards[other].keys[KEY_BYTES:], pair_purpose(known.dealers_digest, dealer, other)
                ),
                subtract=dealer < other,
            )
            for other in known.holders_of(dealer)
            if other in known.survivors
        ]  # fmt: skip

    def _recovered(self, dealer: int) -> bytes:
        """Return a secret of 32 bytes from a threshold of its shares."""
        shares = self._read[0].get(dealer, {})
        threshold = self._known.terms.threshold
        if len(shares) < threshold:
            raise SecureRoundFailed(
                f"Only {len(shares)} shares of the masks of the client {self._known.names[dealer]} are there, and "
                f"{threshold} are needed."
            )
        points = tuple(sorted(shares)[:threshold])
        if points not in self._weights:
            self._weights[points] = weights_at_zero(points)
        secret = recovered([shares[point] for point in points], self._weights[points])
        return (secret % (1 << 8 * KEY_BYTES)).to_bytes(KEY_BYTES, "big")

    @cached_property
    def _read(self) -> tuple[dict[int, dict[int, int]], dict[str, str]]:
        """The shares by dealer and point, and the problems of clients that have revealed others."""
        shares: dict[int, dict[int, int]] = {}
        problems: dict[str, str] = {}
        for holder, name, answer in self._known.answers_by_position("reveal"):
            try:
                revealed = RevealAnswer.read(answer).shares
            except InvalidInput as error:
                problems[name] = error.message
                continue
            for share in revealed:
                if self._is_good(holder, share):
                    shares.setdefault(share.position, {})[holder + 1] = share_of(share.share)
                else:
                    problems[name] = "It has revealed a share that is not the one it holds."
        return shares, problems

    def _is_good(self, holder: int, revealed: RevealedShare) -> bool:
        known, dealer = self._known, revealed.position
        if dealer not in known.dealers or dealer not in known.holders_of(holder):
            return False
        if len(revealed.share) != SHARE_BYTES or len(revealed.opening) != OPENING_BYTES:
            return False
        return is_opened(
            known.label_of(dealer),
            holder + 1,
            "own" if dealer in known.survivors else "key",
            share_of(revealed.share),
            revealed.opening,
            known.commitment(dealer, holder),
        )

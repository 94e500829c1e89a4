"""Secure aggregation at a client: the exchanges, the masked update, and the sum of masks of a sum participant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from fednet.errors import Conflict, PermissionDenied
from fednet.parameters import ModelFormat, model_format
from fednet.secure.masks import MaskKey, add_masks
from fednet.secure.participant import Participant
from fednet.secure.ring import RingQuantiser
from fednet.secure.rounds import RoundContext
from fednet.secure.terms import SecureTerms

from .tasks import Exchange, Task, Update
from .vault import Vault

_FORM: Final = model_format("numpyhelper")
"""The format of words of a ring, whatever that of the models."""


class SecureAggregation:
    """The part of one client in secure rounds.

    Args:
        vault: Its secrets and promises.
        client_id: Returns the client's id.
    """

    def __init__(self, vault: Vault, client_id: Callable[[], str]) -> None:
        self._vault = vault
        self._client_id = client_id

    def answer(self, task: Task) -> Exchange:
        """Answer the message of an exchange.

        Raises:
            InvalidInput: The message has another form.
            PermissionDenied: An answer would reveal too much; says what.
        """
        _check_context(task)
        return Exchange(self._participant.answer(task.message))

    def masks(self, task: Task) -> list[MaskKey]:
        """Return the masks of this client's update, before it trains; for the errors see `answer`."""
        _check_context(task)
        return self._participant.masks_of_update(task.message)

    def mask(
        self, update: Path, model: Path, task: Task, num_examples: float, masks: Sequence[MaskKey]
    ) -> Update:
        """Replace the file of an update by its words in the ring, with masks; return its outcome.

        Args:
            update: The file, in the format of the task.
            model: The file of the global model.
            task: The task.
            num_examples: The weight; it travels as the last word, masked like the others.
            masks: The masks.

        Raises:
            InvalidModel: The update is no finite model of this structure.
            OSError: The file cannot be written.
            PermissionDenied: Another update was masked in this round.
        """
        context = _check_context(task)
        vector = _words_of(update, model, model_format(task.helper), context.terms, num_examples)
        add_masks(vector, masks, context.terms.cipher)
        digest = _FORM.write(update, [vector])
        try:
            # Two updates under the same masks would give their difference away.
            self._vault.bind(context.digest.hex(), "update", digest.text)
        except Conflict as error:
            raise PermissionDenied(
                "This client has masked another update in this round, and sends one only. Begin the round again."
            ) from error
        return Update(1.0, {})

    def sum_masks(self, update: Path, model: Path, task: Task) -> Update:
        """Write the sum of the masks that are asked for as a file; return its outcome.

        Raises:
            InvalidInput: The message has another form.
            OSError: The file cannot be written.
            PermissionDenied: The sum would reveal too much; says what.
        """
        context = _check_context(task)
        keys = self._participant.masks_of_sum(task.message)
        with model_format(task.helper).open(model) as opened:
            words = RingQuantiser(context.terms, opened.structure).masked_structure.arrays[0]
        vector = np.zeros(words.shape, words.dtype)
        add_masks(vector, keys, context.terms.cipher)
        _FORM.write(update, [vector])
        return Update(1.0, {})

    @property
    def _participant(self) -> Participant:
        return Participant(self._client_id(), self._vault.identity, self._vault)


def _check_context(task: Task) -> RoundContext:
    """Return the context of a task's message, if the controller has signed its terms.

    Raises:
        PermissionDenied: The message belongs to another session, or to other terms than those in the warrant.
    """
    terms = SecureTerms.from_text(task.secure)
    message = task.message
    if message.get("session_id") != task.session_id or message.get("terms") != terms.text:
        raise PermissionDenied(
            "The message of secure aggregation is not one of this task: its session or its terms differ from those "
            "that the controller has signed."
        )
    return RoundContext(task.session_id, str(message.get("round_id")), terms)


def _words_of(
    update: Path, model: Path, form: ModelFormat, terms: SecureTerms, num_examples: float
) -> np.ndarray[Any, Any]:
    with form.open(update) as trained, form.open(model) as before:
        trained.arrange(before.structure)
        ring = RingQuantiser(terms, before.structure)
        return ring.quantised(trained.arrays, before.arrays, num_examples)

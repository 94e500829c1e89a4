"""The base class of users' server functions, with their arguments and results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class ServerFunctionsBase:
    """Derive from it and write one or several of the methods; the others do nothing.

    Attributes of `self` are kept for the next round, also over a restart of the whole network. A round that fails
    undoes its changes of them.
    """

    def client_selection(self, client_ids: list[str]) -> list[str]:
        """Choose the clients that train in this round.

        Args:
            client_ids: The ids of all clients that are connected and can train, sorted.

        Returns:
            The chosen ids, at least `min_clients`; `requested_clients` does not limit them.
        """
        raise NotImplementedError

    def client_settings(self, global_model: list[np.ndarray[Any, Any]]) -> dict[str, Any]:
        """Return settings for each training task of this round, in addition to those of the session.

        Args:
            global_model: The parameters with which the round begins, read-only.

        Returns:
            JSON values by name.
        """
        raise NotImplementedError

    def aggregate(
        self,
        previous_global: list[np.ndarray[Any, Any]],
        client_updates: dict[str, tuple[list[np.ndarray[Any, Any]], dict[str, Any]]],
    ) -> list[np.ndarray[Any, Any]]:
        """Make the round's model of the clients' updates.

        Args:
            previous_global: The parameters with which the round began, read-only.
            client_updates: For each client id, in sorted order, its parameters, read-only, and the metadata of its
                training with `num_examples`.

        Returns:
            The new parameters, in the shapes of the previous ones; they get the dtypes of the previous ones.
        """
        raise NotImplementedError

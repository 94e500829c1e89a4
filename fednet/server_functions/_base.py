"""The base of a user's server functions: what each of them is given, and what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


class ServerFunctionsBase:
    """Derive from it and write one of the methods, or several; those left out do nothing.

    What the methods keep in attributes of `self` is there again in the next round, also after a
    restart of the whole network. A round that fails takes back what it has changed there.
    """

    def client_selection(self, client_ids: list[str]) -> list[str]:
        """Choose who trains in this round.

        Args:
            client_ids: The ids of all clients that are connected and can train, sorted.

        Returns:
            Those that are asked, `requested_clients` or not; at least `min_clients`.
        """
        raise NotImplementedError

    def client_settings(self, global_model: list[np.ndarray[Any, Any]]) -> dict[str, Any]:
        """Settings that each training task of this round carries, beside those of the session.

        Args:
            global_model: The parameters that the round begins with; to be read only.

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
            previous_global: The parameters that the round began with; to be read only.
            client_updates: By the id of the client, in the order of the ids: its parameters, to be
                read only, and what it said of its training, `num_examples` among it.

        Returns:
            The new parameters, in the shapes of the previous ones; they take over their dtypes.
        """
        raise NotImplementedError

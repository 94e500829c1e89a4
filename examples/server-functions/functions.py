"""Server functions for the digits: they choose the clients, set the learning rate and aggregate.

Only the source of the class is sent. The names that it uses without import exist where it runs: see
docs/server-functions.md.
"""

from __future__ import annotations

import random

import numpy as np

from fednet.server_functions import ServerFunctionsBase


class ServerFunctions(ServerFunctionsBase):
    """Functions that choose the least-used clients first, lower the learning rate, and add momentum to the mean."""

    def __init__(self) -> None:
        """Begin the values that are kept from round to round, also over restarts."""
        self.round = 0
        self.asked: dict[str, int] = {}
        self.velocity: list[np.ndarray] | None = None

    def client_selection(self, client_ids: list[str]) -> list[str]:
        """Return four clients: the least-used ones first, equal ones at random."""
        order = sorted(client_ids, key=lambda each: (self.asked.get(each, 0), random.random()))  # noqa: S311 - a lot, no secret
        chosen = order[:4]
        for client in chosen:
            self.asked[client] = self.asked.get(client, 0) + 1
        return chosen

    def client_settings(self, global_model: list[np.ndarray]) -> dict[str, float]:  # noqa: ARG002 - the round says it all
        """Return a learning rate that falls by a quarter in each round."""
        self.round += 1
        learning_rate = 0.15 * 0.75 ** (self.round - 1)
        print(f"round {self.round}: learning rate {learning_rate:.4f}")
        return {"learning_rate": learning_rate}

    def aggregate(
        self,
        previous_global: list[np.ndarray],
        client_updates: dict[str, tuple[list[np.ndarray], dict]],
    ) -> list[np.ndarray]:
        """Move towards the mean, weighted by examples, with momentum 0.2."""
        total = sum(said["num_examples"] for _, said in client_updates.values())
        step = [-before for before in previous_global]
        for parameters, said in client_updates.values():
            share = said["num_examples"] / total
            step = [each + share * array for each, array in zip(step, parameters, strict=True)]
        if self.velocity is not None:
            step = [each + 0.2 * before for each, before in zip(step, self.velocity, strict=True)]
        self.velocity = step
        return [before + each for before, each in zip(previous_global, step, strict=True)]

"""FedAvg of NVIDIA FLARE that begins with a random model and notes when each round begins."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from nvflare.app_common.abstract.fl_model import FLModel
from nvflare.app_common.workflows.fedavg import FedAvg


class TimedFedAvg(FedAvg):
    """FedAvg with the times at which its rounds began, in a file at the end.

    Args:
        clients: The number of clients.
        rounds: The number of rounds.
        parameters: The number of float32 values in the model.
        times: The path of the file.
    """

    def __init__(self, clients: int, rounds: int, parameters: int, times: str) -> None:
        super().__init__(num_clients=clients, num_rounds=rounds, persistor_id="", save_filename="")
        self.clients = clients
        self.rounds = rounds
        self.parameters = parameters
        self.times = times
        self._moments: list[float] = []

    def load_model(self) -> FLModel:
        """Return a random model."""
        array = np.random.default_rng(0).standard_normal(self.parameters, np.float32)
        return FLModel(params={"0": array})

    def save_model(self, model: FLModel) -> None:
        """Keep no file: no system is measured with the file that its user may want."""

    def sample_clients(self, num_clients: int | None = None) -> list[Any]:
        """Note the time, then do as FedAvg does."""
        self._moments.append(time.time())
        return list(super().sample_clients(num_clients))

    def run(self) -> None:
        """Do the rounds, then write the times."""
        super().run()
        Path(self.times).write_text(json.dumps([*self._moments, time.time()]))

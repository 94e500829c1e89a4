"""Rounds of FedAvg that note when each begins."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Context, Message
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()


class Timed(FedAvg):
    """FedAvg with the times at which its rounds began."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.times: list[float] = []

    def configure_train(self, *given: Any) -> Iterable[Message]:
        """Note the time, then do as FedAvg does."""
        self.times.append(time.time())
        return super().configure_train(*given)


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Do the rounds, and write their times to a file."""
    config = context.run_config
    clients = int(config["clients"])
    strategy = Timed(
        fraction_train=1.0,
        fraction_evaluate=0.0,
        min_train_nodes=clients,
        min_available_nodes=clients,
    )
    model = np.random.default_rng(0).standard_normal(int(config["parameters"]), np.float32)
    strategy.start(grid, ArrayRecord([model]), num_rounds=int(config["rounds"]))
    times = Path(str(config["times"]))
    times.write_text(json.dumps([*strategy.times, time.time()]))

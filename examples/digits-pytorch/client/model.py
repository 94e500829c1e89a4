"""A small convolutional network for the digits, in PyTorch: 9,930 parameters.

The parameters are the network's state in its order, float32: the weight and the bias of each layer.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

EPOCHS = 3
BATCH_ROWS = 16
LEARNING_RATE = 0.05
MOMENTUM = 0.9

Parameters = list[np.ndarray]

# The layers are small: more threads would cost time.
torch.set_num_threads(1)


def network() -> nn.Module:
    """Return the layers, for images of 8 x 8 in rows of 64."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


def initial(seed: int = 0) -> Parameters:
    """Return random parameters, as PyTorch draws them."""
    torch.manual_seed(seed)
    return arrays_of(network())


def arrays_of(net: nn.Module) -> Parameters:
    """Return the parameters of a network."""
    return [tensor.numpy(force=True) for tensor in net.state_dict().values()]


def network_of(parameters: Parameters) -> nn.Module:
    """Return a network with these parameters."""
    net = network()
    tensors = (torch.from_numpy(array) for array in parameters)
    net.load_state_dict(dict(zip(net.state_dict(), tensors, strict=True)))
    return net


class Client:
    """The code of one client; it reads its data once.

    Args:
        path: The npz file of its digits; by default DIGITS_DATA.
    """

    def __init__(self, path: str | None = None) -> None:
        path = path or os.environ.get("DIGITS_DATA")
        if not path:
            raise SystemExit("Set DIGITS_DATA to this client's npz file.")
        with np.load(path) as arrays:
            self.data = {name: torch.from_numpy(array) for name, array in arrays.items()}

    def train(
        self, parameters: Parameters, settings: dict[str, Any]
    ) -> tuple[Parameters, dict[str, Any]]:
        """Train for a few epochs by stochastic gradient descent with momentum, always in the same order."""
        del settings
        x, y = self.data["x_train"], self.data["y_train"]
        net = network_of(parameters)
        descent = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
        order = torch.Generator().manual_seed(0)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(y), generator=order).split(BATCH_ROWS):
                descent.zero_grad()
                functional.cross_entropy(net(x[rows]), y[rows]).backward()
                descent.step()
        return arrays_of(net), {"num_examples": len(y)}

    @torch.no_grad()
    def validate(self, parameters: Parameters, settings: dict[str, Any]) -> dict[str, Any]:
        """Evaluate a model on this client's share of the held-out digits."""
        del settings
        x, y = self.data["x_test"], self.data["y_test"]
        scores = network_of(parameters)(x)
        return {
            "accuracy": float((scores.argmax(1) == y).float().mean()),
            "loss": float(functional.cross_entropy(scores, y)),
            "num_examples": len(y),
        }

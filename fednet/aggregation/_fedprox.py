"""Federated averaging of clients that are held near the global model while they train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fednet.aggregation._fedavg import FedAvg
from fednet.aggregation._settings import Limits, check_settings, setting

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class FedProx(FedAvg):
    """The weighted mean, of clients that add a proximal term to their loss.

    Li, Sahu, Zaheer, Sanjabi, Talwalkar and Smith, "Federated Optimization in Heterogeneous
    Networks", MLSys 2020, arXiv:1812.06127, algorithm 2: client k minimises its own loss plus
    mu / 2 * ||w - w_t||², with the global model w_t. That is the client's to do: it finds `mu` in
    the settings of each training task. The mean is that of `fedavg`, by examples; the paper draws
    clients by their examples and takes the plain mean.
    """

    mu: float = setting(
        0.01,
        Limits(float, "how strongly a client is held to the global model", least=0, most=1e6),
    )

    name: ClassVar[str] = "fedprox"

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def client_settings(self) -> Mapping[str, Any]:
        """The proximal term's factor."""
        return {"mu": self.mu}

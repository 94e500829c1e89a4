"""Federated averaging with a proximal term that keeps clients near the global model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fednet.aggregation._fedavg import FedAvg
from fednet.aggregation._settings import Limits, check_settings, setting

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class FedProx(FedAvg):
    """The weighted mean, for clients that add a proximal term to their loss.

    Li, Sahu, Zaheer, Sanjabi, Talwalkar and Smith, "Federated Optimization in Heterogeneous
    Networks", MLSys 2020, arXiv:1812.06127, algorithm 2: client k minimises its own loss plus
    mu / 2 * ||w - w_t||², with the global model w_t. The client's code adds the term; it finds
    `mu` in the settings of each training task. The mean is that of `fedavg`, by examples; the paper draws clients by
    their examples and takes the plain mean.
    """

    mu: float = setting(
        0.01,
        Limits(
            float,
            "the strength of the term that keeps a client near the global model",
            least=0,
            most=1e6,
        ),
    )

    name: ClassVar[str] = "fedprox"

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def client_settings(self) -> Mapping[str, Any]:
        """The settings of each training task: the factor of the proximal term."""
        return {"mu": self.mu}

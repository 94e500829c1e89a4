"""The account of ε and δ, by Google's library dp-accounting.

Each release is one Gaussian mechanism, and releases add up by Rényi differential privacy (Mironov, "Rényi Differential
Privacy", CSF 2017, arXiv:1702.07476). The draw of clients is not counted in anybody's favour: it is public who took
part, and the account of a secret draw would be too small. So ε holds for a client that takes part in every round.

The library takes seconds to import. It is imported with the first account, and not with this module.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from fednet.errors import MissingExtra

_KNOWN_MAX: Final = 1024


def check_accountant() -> None:
    """Raise MissingExtra if dp-accounting is not installed here."""
    _library()


@lru_cache(maxsize=_KNOWN_MAX)
def epsilon_after(releases: int, noise_multiplier: float, delta: float) -> float:
    """Return ε of a number of releases.

    Args:
        releases: The number of models that were made of noisy sums; at least 0.
        noise_multiplier: The standard deviation of the noise over the sensitivity.
        delta: δ, above 0 and below 1.

    Raises:
        MissingExtra: dp-accounting is not installed here.
    """
    if not releases:
        return 0.0
    dp = _library()
    accountant = dp.rdp.RdpAccountant(neighboring_relation=dp.NeighboringRelation.REPLACE_SPECIAL)
    release = dp.GaussianDpEvent(noise_multiplier)
    accountant.compose(dp.SelfComposedDpEvent(release, releases))
    return float(accountant.get_epsilon(delta))


def _library() -> Any:
    try:
        import dp_accounting
    except ImportError as error:
        raise MissingExtra(
            "Differential privacy needs dp-accounting at the controller. Install it: pip install 'fednet[dp]'.",
            field="dp",
        ) from error
    return dp_accounting

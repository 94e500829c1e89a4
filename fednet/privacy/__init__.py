"""Differential privacy for clients: clipping, noise, and the account of ε and δ.

The guarantee is about one client: its difference to the global model is replaced by zero, and everything else stays
(zero-out adjacency: Kairouz, McMahan, Song, Thakkar, Thakurta and Xu, "Practical and Private (Deep) Learning without
Sampling or Shuffling", ICML 2021, arXiv:2103.00039). Which clients take part is public.

`docs/privacy.md` says what is protected, and what is not.
"""

from fednet.privacy._accounting import check_accountant, epsilon_after
from fednet.privacy._clipping import Clipping, check_distance, write_private
from fednet.privacy._noise import GaussianNoise, derived_key, new_noise_key
from fednet.privacy._terms import PrivacyTerms

__all__ = [
    "Clipping",
    "GaussianNoise",
    "PrivacyTerms",
    "check_accountant",
    "check_distance",
    "derived_key",
    "epsilon_after",
    "new_noise_key",
    "write_private",
]

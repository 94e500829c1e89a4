"""The differential privacy of a session: the terms of its rounds, the noise of its models, and the privacy account.

Each model costs one release, which is counted before the order that makes it is given. A repeated attempt makes another
model of updates that may have been used before, with other noise: it costs another release. Within an attempt a merge
may be repeated, also by another combiner, and has the same noise each time: it costs nothing more.

With the distributed mechanism each client adds a part of the noise, and only the sum is seen. An attempt has one sum,
whose clients send no other update: it costs one release.

With the local mechanism each client releases its update itself, once in each attempt. Where its answer is lost it may
do so again: that counts as well. The combiner that has lost it asks at once, so a loss in the last attempt that the
budget allows may exceed the budget; the account tells it, and no further attempt begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.contract import PrivacyOptions, SessionOptions
from fednet.privacy import PrivacyTerms, derived_key, epsilon_after
from fednet.secure import noise_multiplier_of_sum

from .secure_terms import terms_for

if TYPE_CHECKING:
    from .state import Session

_FLOAT_BYTES_MIN = 2  # of a float16: a model has at most so many numbers


@dataclass
class PrivacyAccount:
    """The state of a session's privacy.

    Attributes:
        noise_key: The secret from which the noise of each model follows; another one after each committed model, so
            that it tells nothing about earlier models.
        clip: The clip of the round under way.
        releases: The number of releases so far.
    """

    noise_key: str = field(repr=False)
    clip: float
    releases: int = 0

    def commit(self, options: PrivacyOptions, share_within_clip: float | None) -> None:
        """Forget the noise of a committed model, and let an adaptive clip follow.

        Andrew, Thakkar, McMahan and Ramaswamy, "Differentially Private Learning with Adaptive Clipping", NeurIPS
        2021, arXiv:1905.03871, algorithm 1.

        Args:
            options: The option dp.
            share_within_clip: The share of the updates within the clip, with noise; None with a fixed clip.
        """
        self.noise_key = derived_key(self.noise_key, "next")
        if share_within_clip is not None:
            share = min(1.0, max(0.0, share_within_clip))
            step = -options.clip_learning_rate * (share - options.target_quantile)
            clip = self.clip * math.exp(step)
            self.clip = min(limits.privacy_clip_units_max, max(limits.privacy_clip_units_min, clip))


@dataclass(frozen=True)
class ModelNoise:
    """The noise of one model; see `Noise` in the wire contract."""

    key: str = field(repr=False)
    deviation: float
    count_deviation: float | None


def count_deviation(options: SessionOptions) -> float | None:
    """Return the standard deviation of the noise on the number of updates within the clip; None with a fixed clip."""
    privacy = options.privacy
    if privacy is None or not privacy.is_adaptive:
        return None
    return privacy.count_noise or max(options.requested_clients / 20, 2 * privacy.noise_multiplier)


def sum_noise_multiplier(options: SessionOptions) -> float:
    """Return the standard deviation of the noise on the sum, in clips.

    An adaptive clip is a second release about the same clients. As in theorem 1 of Andrew et al., with noise z_b on the
    number of updates within the clip, and (z^-2 - z_b^-2)^(-1/2) on the sum, both cost as much as noise z on the sum
    alone. The paper has (2 z_b)^-2, for a client that is left out of the centred number. Here a client whose difference
    is replaced by zero lies within the clip, so it may change the number by one.
    """
    assert options.privacy, "only a session with privacy has noise"
    multiplier, deviation = options.privacy.noise_multiplier, count_deviation(options)
    if deviation is None:
        return multiplier
    return 1 / math.sqrt(multiplier**-2 - deviation**-2)


def terms_of(session: Session) -> PrivacyTerms | None:
    """Return the terms of the round under way; None without privacy."""
    options, account = session.options.privacy, session.privacy
    if options is None or account is None:
        return None
    is_local = options.mechanism == "local"
    deviation = options.noise_multiplier * account.clip if is_local else 0.0
    return PrivacyTerms(account.clip, deviation, counts=options.is_adaptive)


def noise_of(session: Session, model_id: str) -> ModelNoise | None:
    """Return the noise of a model that one combiner makes; None if clients add it, or without privacy."""
    options, account = session.options.privacy, session.privacy
    if options is None or account is None or options.mechanism != "central":
        return None
    return ModelNoise(
        derived_key(account.noise_key, model_id),
        sum_noise_multiplier(session.options) * account.clip,
        count_deviation(session.options),
    )


def spend(session: Session, mechanism: str, releases: int = 1) -> None:
    """Count releases by a mechanism, if it is the session's."""
    options, account = session.options.privacy, session.privacy
    if options and account and options.mechanism == mechanism:
        account.releases += releases


def budget_problem(session: Session) -> str:
    """Return the reason why no further release is allowed; "" if it is."""
    options, account = session.options.privacy, session.privacy
    if options is None or account is None or options.epsilon_max is None:
        return ""
    spent, following = (_epsilon(session, options, account.releases + more) for more in (0, 1))
    if following <= options.epsilon_max:
        return ""
    return (
        f"the privacy budget is spent: ε is {spent:.3f} of at most {options.epsilon_max:g}, and would be "
        f"{following:.3f} after another round"
    )


def spent_privacy(session: Session) -> dict[str, Any] | None:
    """Return the spent privacy as people see it; None without privacy."""
    options, account = session.options.privacy, session.privacy
    if options is None or account is None:
        return None
    return {
        "mechanism": options.mechanism,
        "epsilon": _epsilon(session, options, account.releases),
        "delta": options.delta,
        "epsilon_max": options.epsilon_max,
        "releases": account.releases,
        "noise_multiplier": options.noise_multiplier,
        "clip": account.clip,
    }


def _epsilon(session: Session, options: PrivacyOptions, releases: int) -> float:
    return epsilon_after(releases, _counted_multiplier(session, options), options.delta)


def _counted_multiplier(session: Session, options: PrivacyOptions) -> float:
    """Return the noise multiplier that counts; whole numbers from several clients are worth a little less."""
    secrecy = session.options.secrecy
    if options.mechanism != "distributed" or secrecy is None:
        return options.noise_multiplier
    terms = terms_for(session.options, secrecy, session.options.requested_clients)
    numbers = session.model.digest.size_bytes // _FLOAT_BYTES_MIN
    return noise_multiplier_of_sum(terms, numbers, session.options.min_clients)

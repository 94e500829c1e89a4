"""Checks of a session with differential privacy: nothing else of it may break the guarantee."""

from __future__ import annotations

from fednet.aggregation import Aggregator, check_supports_privacy
from fednet.contract import PrivacyOptions, SessionOptions, check_source
from fednet.errors import InvalidInput
from fednet.privacy import check_accountant, epsilon_after

from .machine.privacy import count_deviation


def check_privacy(options: SessionOptions, rule: Aggregator) -> None:
    """Check the option dp beside the others.

    Args:
        options: The options.
        rule: Their aggregator.

    Raises:
        InvalidInput: Another option breaks the guarantee, or the budget allows no round; names the field.
        MissingExtra: The accountant is not installed here.
    """
    privacy = options.privacy
    if privacy is None:
        return
    check_accountant()
    check_supports_privacy(rule)
    _check_functions(options)
    _check_others(options, privacy)
    _check_mechanism(options, privacy)
    _check_adaptive(options, privacy)
    _check_budget(privacy)


def _check_functions(options: SessionOptions) -> None:
    source = options.server_functions
    if source is not None and "aggregate" in check_source(source).methods:
        raise InvalidInput(
            "Server functions that aggregate see each client's update and may do anything with it, so differential "
            "privacy cannot bound what the model tells. Leave out their aggregate, or dp.",
            field="server_functions",
        )


def _check_others(options: SessionOptions, privacy: PrivacyOptions) -> None:
    if options.examples_max is not None:
        raise InvalidInput(
            "With dp all updates count alike, whatever their examples. Leave out examples_max.",
            field="examples_max",
        )
    if privacy.mechanism == "central" and not options.delete_models:
        raise InvalidInput(
            "With central dp, combiners may not keep the updates of single clients, which have no noise. Set "
            "delete_models to true.",
            field="delete_models",
        )


def _check_mechanism(options: SessionOptions, privacy: PrivacyOptions) -> None:
    if privacy.mechanism == "distributed" and options.secure is None:
        raise InvalidInput(
            "With the mechanism distributed each client adds only a part of the noise, which protects nothing but a "
            "sum. Set secure, or choose the mechanism central or local.",
            field="dp",
        )


def _check_adaptive(options: SessionOptions, privacy: PrivacyOptions) -> None:
    deviation = count_deviation(options)
    if deviation is None:
        return
    if privacy.mechanism != "central":
        raise InvalidInput(
            "Adaptive clipping needs the central mechanism: with noise at each client, nothing is left of what one "
            "says of its norm. Set clipping to fixed, or mechanism to central.",
            field="dp",
        )
    if deviation <= privacy.noise_multiplier:
        raise InvalidInput(
            f"count_noise ({deviation:g}) must be above noise_multiplier ({privacy.noise_multiplier:g}): "
            "with less, the count alone would cost more than noise_multiplier allows.",
            field="dp",
        )


def _check_budget(privacy: PrivacyOptions) -> None:
    first = epsilon_after(1, privacy.noise_multiplier, privacy.delta)
    if privacy.epsilon_max is not None and first > privacy.epsilon_max:
        raise InvalidInput(
            f"The first round alone brings ε to {first:.3f}, above epsilon_max ({privacy.epsilon_max:g}). Raise "
            "noise_multiplier or epsilon_max.",
            field="dp",
        )

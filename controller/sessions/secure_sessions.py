"""Checks of a session with secure aggregation: nothing else of it may need a single update."""

from __future__ import annotations

from fednet import limits
from fednet.aggregation import Aggregator
from fednet.contract import SecureOptions, SessionOptions, check_source
from fednet.errors import InvalidInput
from fednet.update_codec import UpdateCodec, codec_of

from .machine.secure_terms import terms_for

_LINEAR = (UpdateCodec(), UpdateCodec(delta=True))


def check_secrecy(options: SessionOptions, rule: Aggregator) -> None:
    """Check the option secure beside the others.

    Args:
        options: The options.
        rule: Their aggregator.

    Raises:
        InvalidInput: Another option needs single updates, or the numbers do not fit; names the field.
    """
    secrecy = options.secrecy
    if secrecy is None:
        return
    _check_aggregator(rule)
    _check_functions(options)
    _check_updates(options)
    _check_clients(options, secrecy)
    terms_for(options, secrecy, options.requested_clients)


def _check_aggregator(rule: Aggregator) -> None:
    if rule.staleness_max:
        raise InvalidInput(
            f"{rule.name} takes updates one at a time, whenever they come. With secure aggregation only the sum of a "
            "round's updates is known. Choose a mean such as fedavg, or leave out secure.",
            field="aggregator",
        )
    if not rule.supports_privacy:
        raise InvalidInput(
            f"{rule.name} looks at each update. With secure aggregation only their sum is known. Choose a mean such as "
            "fedavg, fedprox, fedavgm or fedopt, or leave out secure.",
            field="aggregator",
        )


def _check_functions(options: SessionOptions) -> None:
    source = options.server_functions
    if source is not None and "aggregate" in check_source(source).methods:
        raise InvalidInput(
            "Server functions that aggregate need each client's update. With secure aggregation only the sum is known. "
            "Leave out their aggregate, or secure.",
            field="server_functions",
        )


def _check_updates(options: SessionOptions) -> None:
    if codec_of(options.update_codec) not in _LINEAR:
        raise InvalidInput(
            f"Updates in the codec {options.update_codec!r} cannot be added up under masks. Secure aggregation has a "
            "coding of its own: leave out update_codec, or secure.",
            field="update_codec",
        )
    if not options.delete_models:
        raise InvalidInput(
            "A masked update says nothing to people. With secure aggregation set delete_models to true.",
            field="delete_models",
        )
    if options.privacy and options.privacy.mechanism != "distributed":
        raise InvalidInput(
            "Central dp clips single updates, and the noise of local dp is made for updates that anybody may see. With "
            "secure aggregation use the mechanism distributed.",
            field="dp",
        )


def _check_clients(options: SessionOptions, secrecy: SecureOptions) -> None:
    least = limits.secure_clients_min
    if secrecy.protocol == "pet":
        least = max(least, secrecy.sum_participants)
    if options.min_clients < least:
        raise InvalidInput(
            f"min_clients ({options.min_clients}) must be at least {least} with secure aggregation: a sum of fewer "
            "updates says too much about each, and sum participants are drawn among the clients that train.",
            field="min_clients",
        )
    if options.requested_clients > limits.secure_clients_max:
        raise InvalidInput(
            f"requested_clients ({options.requested_clients}) must be at most {limits.secure_clients_max} with secure "
            "aggregation: each client is told of the others.",
            field="requested_clients",
        )

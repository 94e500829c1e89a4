"""Checks that the options of a session go together, as far as the options alone tell."""

from __future__ import annotations

from fednet import limits
from fednet.aggregation import Aggregator, aggregator
from fednet.contract import SessionOptions, check_source
from fednet.errors import InvalidInput
from fednet.parameters import model_format

from .private_sessions import check_privacy
from .secure_sessions import check_secrecy


def check_consistency(options: SessionOptions) -> None:
    """Check the options that bound one another.

    Raises:
        InvalidInput: Two of them do not go together, or there is no such aggregator or helper; names the field.
    """
    rule = aggregator(options.aggregator, options.aggregator_kwargs)
    _check_aggregator(options, rule)
    if options.server_functions is not None:
        _check_functions(options, options.server_functions)
    if options.helper:
        model_format(options.helper)
    _check_numbers(options, rule)
    check_privacy(options, rule)
    check_secrecy(options, rule)


def _check_numbers(options: SessionOptions, rule: Aggregator) -> None:
    if options.requested_clients < options.min_clients:
        raise InvalidInput(
            f"requested_clients ({options.requested_clients}) must be at least min_clients "
            f"({options.min_clients}).",
            field="requested_clients",
        )
    if options.round_buffer_size == 0 or 0 < options.round_buffer_size < options.min_clients:
        raise InvalidInput(
            f"round_buffer_size ({options.round_buffer_size}) must be -1 (all) or at least "
            f"min_clients ({options.min_clients}).",
            field="round_buffer_size",
        )
    if options.round_buffer_size > options.requested_clients and not rule.staleness_max:
        raise InvalidInput(
            f"round_buffer_size ({options.round_buffer_size}) must be at most requested_clients "
            f"({options.requested_clients}): no more updates than that come in.",
            field="round_buffer_size",
        )


def _check_functions(options: SessionOptions, source: str) -> None:
    """Check server functions beside the aggregator: they may choose and tell clients with any, aggregate with none."""
    if "aggregate" in check_source(source).methods:
        _check_aggregation(options)


def _check_aggregation(options: SessionOptions) -> None:
    """Check a session whose functions take the aggregator's place."""
    default = SessionOptions.model_fields["aggregator"].default
    if options.aggregator != default:
        raise InvalidInput(
            f"The server functions have aggregate, and the aggregator is {options.aggregator!r}: only "
            "one of them can make the model. Leave the aggregator out, or aggregate.",
            field="aggregator",
        )
    if options.requested_clients > limits.kept_updates_max:
        raise InvalidInput(
            f"requested_clients ({options.requested_clients}) must be at most "
            f"{limits.kept_updates_max}: aggregate is given no more updates.",
            field="requested_clients",
        )


def _check_aggregator(options: SessionOptions, rule: Aggregator) -> None:
    if options.min_clients < rule.updates_min:
        raise InvalidInput(
            f"min_clients ({options.min_clients}) must be at least {rule.updates_min}: with these "
            f"settings {rule.name} needs as many updates.",
            field="min_clients",
        )
    if rule.updates_max is not None and options.requested_clients > rule.updates_max:
        raise InvalidInput(
            f"requested_clients ({options.requested_clients}) must be at most {rule.updates_max}: "
            f"{rule.name} takes no more updates.",
            field="requested_clients",
        )
    if rule.staleness_max and rule.updates_max is not None:
        _check_buffer(options, rule.updates_max - options.requested_clients)


def _check_buffer(options: SessionOptions, most: int) -> None:
    """Check that there is room, beside a full buffer, for all that still train."""
    if options.round_buffer_size > most:
        raise InvalidInput(
            f"round_buffer_size ({options.round_buffer_size}) must be at most {most}: with these "
            f"requested_clients {options.aggregator} takes no more updates.",
            field="round_buffer_size",
        )

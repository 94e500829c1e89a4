"""Lists of controllers' addresses in one text, separated by commas."""

from __future__ import annotations

from fednet import limits
from fednet.errors import InvalidInput


def split_addresses(text: str, field: str = "host") -> tuple[str, ...]:
    """Return the addresses of a list, each once, in their order and without slashes at the end.

    Args:
        text: One or several addresses, separated by commas, such as "http://a:8092, http://b:8092".
        field: The name of the setting or argument that holds it, for the error.

    Raises:
        InvalidInput: There is no address, an empty one, or more than `limits.addresses_max`.
    """
    addresses = [part.strip().rstrip("/") for part in text.split(",")]
    if not all(addresses):
        raise InvalidInput(
            f"The list of addresses {text!r} has an empty address: separate addresses by single commas.",
            field=field,
        )
    if len(addresses) > limits.addresses_max:
        raise InvalidInput(
            f"The list has {len(addresses)} addresses: give at most {limits.addresses_max}.",
            field=field,
        )
    return tuple(dict.fromkeys(addresses))


def is_part_of(some: str, known: str) -> bool:
    """Return True if another list has each address of this list."""
    return set(split_addresses(some)) <= set(split_addresses(known))

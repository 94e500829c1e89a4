r"""Checks JSON values of others, so that every store, reader and plot can take them.

- numbers are finite; integers have at most 64 bits;
- texts and names are Unicode without lone surrogates, which JSON can spell (`"\ud800"`) and UTF-8 cannot;
- lists and objects are nested at most `limits.json_levels_max` deep;
- a value has at most `limits.json_values_max` values in it.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fednet import limits

_INTEGER_DIGITS_MAX = 20  # of 64 bits, with a sign


def parsed(text: str | bytes) -> Any:
    """Parse JSON; an integer of more than 64 bits becomes a float, which may be infinite.

    Raises:
        ValueError: The text is not JSON.
        RecursionError: It is nested too deep.
    """
    return json.loads(text, parse_int=_integer)


def strictly_parsed(text: str | bytes) -> Any:
    """Parse JSON whose value can be stored as it is, and whose objects have each name once.

    Raises:
        ValueError: The text is no such JSON; the message names the place.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_constant=_finite,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise ValueError(f"it is nested more than {limits.json_levels_max} levels deep") from error
    check_storable(value)
    return value


def storable(value: Any) -> tuple[Any, list[str]]:
    """Return a JSON value as it can be stored, and a remark about each change.

    A number that is not finite or has more than 64 bits becomes null, and a lone surrogate U+FFFD.

    Raises:
        ValueError: The value is nested too deep, or has too many values.
    """
    _check_size(value)
    remarks: list[str] = []
    return _storable(value, "", remarks), remarks


def in_words(remarks: Sequence[str]) -> str:
    """Return remarks as one text, at most `limits.json_remarks_max` of them."""
    shown = ", ".join(remarks[: limits.json_remarks_max])
    more = len(remarks) - limits.json_remarks_max
    return f"{shown}, and {more} more" if more > 0 else shown


def as_finite(value: object) -> float | None:
    """Return a stored value as a finite float; None if it is no such number, a truth value included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def everything_in(
    value: Any, place: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield a JSON value and all values in it, in their order; an object or a list comes before its values.

    A caller that stops at a depth, or after a number of values, ends soon whatever else is in there, even the value
    itself.

    Args:
        value: The value.
        place: The names and positions that lead to it.

    Yields:
        The place of a value, as long as the value is levels deep; and the value.
    """
    yield place, value
    for part, each in _parts_of(value):
        yield from everything_in(each, (*place, part))


def check_storable(value: Any) -> None:
    """Check that a JSON value can be stored as it is.

    Raises:
        ValueError: It cannot; the message names the place.
    """
    _, remarks = storable(value)
    if remarks:
        raise ValueError(remarks[0])


def _check_size(value: Any) -> None:
    """Count the values without recursion, before anything else works at them."""
    for number, (place, _) in enumerate(everything_in(value), 1):
        if number > limits.json_values_max:
            raise ValueError(f"it has more than {limits.json_values_max} values")
        if len(place) > limits.json_levels_max:
            path = _shown(".".join(map(str, place)))
            raise ValueError(f"{path} is nested more than {limits.json_levels_max} levels deep")


def _parts_of(value: Any) -> Iterable[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return enumerate(value) if is_list else ()


def _finite(number: str) -> float:
    if not math.isfinite(value := float(number)):
        raise ValueError(f"{number[:20]} is not a finite number")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = Counter(name for name, _ in pairs)
        raise ValueError(f"an object has the name {names.most_common(1)[0][0]!r} twice")
    return found


def _storable(value: Any, path: str, remarks: list[str]) -> Any:
    match value:
        case str():
            return _text(value, path, remarks)
        case bool() | None:
            return value
        case int() | float():
            return _number(value, path, remarks)
        case Mapping():
            return {
                _text(name, path, remarks): _storable(
                    inner, f"{path}.{name}" if path else name, remarks
                )
                for name, inner in value.items()
            }
        case Sequence():
            return [
                _storable(inner, f"{path}.{index}" if path else str(index), remarks)
                for index, inner in enumerate(value)
            ]
    return value


def _number(value: float, path: str, remarks: list[str]) -> float | None:
    is_float = isinstance(value, float)
    if math.isfinite(value) if is_float else -(2**63) <= value < 2**64:
        return value
    what = value if is_float else "an integer of more than 64 bits"
    remarks.append(f"{_shown(path)} is {what}")
    return None


def _text(value: str, path: str, remarks: list[str]) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        clean = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        remarks.append(f"{_shown(path) or 'a name'} has a lone surrogate: {reprlib.repr(clean)}")
        return clean
    return value


def _shown(path: str) -> str:
    return path.encode(errors="replace").decode()[: limits.name_characters_max]


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _INTEGER_DIGITS_MAX else float(digits)

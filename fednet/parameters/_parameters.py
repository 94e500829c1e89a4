"""The parameters of a model in memory: a list of arrays that knows their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fednet.errors import InvalidModel

_Array = np.ndarray[Any, Any]

_NAMES_SHOWN_MAX = 3


class Parameters(list[_Array]):
    """The arrays of a model in the order of its file; a list.

        model.load_state_dict({name: torch.tensor(array) for name, array in parameters.as_dict().items()})

    Args:
        arrays: The arrays.
        names: The name of each array: "0", "1", … in formats without names.

    Attributes:
        names: The name of each array of the model, in its order; a list that was made from this one has none.
    """

    def __init__(self, arrays: Iterable[_Array], names: Iterable[str]) -> None:
        super().__init__(arrays)
        self.names = tuple(names)

    def as_dict(self) -> dict[str, _Array]:
        """Return the arrays by name, in their order.

        Raises:
            InvalidModel: Arrays were added to the list or taken out of it.
        """
        if len(self) != len(self.names):
            raise InvalidModel(
                f"The list has {len(self)} arrays, but the model has {len(self.names)} names. Keep the arrays of the "
                "model in their order."
            )
        return dict(zip(self.names, self, strict=True))


def in_order(arrays: Mapping[str, _Array], names: Sequence[str]) -> list[_Array]:
    """Return arrays by name in the order of a model.

    Args:
        arrays: An array for each name.
        names: The names of the model's arrays in their order.

    Raises:
        InvalidModel: A name is missing, or there is another one; the message lists some.
    """
    missing = [name for name in names if name not in arrays]
    known = set(names)
    strange = [name for name in arrays if name not in known]
    if missing or strange:
        told = [
            f"{what} {', '.join(map(repr, found[:_NAMES_SHOWN_MAX]))}{', …' * (len(found) > _NAMES_SHOWN_MAX)}"
            for what, found in (("lacks", missing), ("has the unknown", strange))
            if found
        ]
        raise InvalidModel(
            f"The dict of arrays {' and '.join(told)}. Return one array for each name of the model."
        )
    return [arrays[name] for name in names]

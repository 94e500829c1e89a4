"""The memory of server functions as a file: a model file, so nothing in it can be run.

    0.npy       UTF-8 JSON, {"format": FORMAT, "attributes": {name: value}}
    1.npy …     the NumPy arrays, in the order in which the values name them

    value                       stands in the JSON as
    None, bool, str             itself
    int of at most 64 bits      a number without a fraction
    float that is finite        a number with a fraction or an exponent
    list                        a list of values
    anything else               an object with one key, which names the type; see `_encoding`

Two references to one object become two equal objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from fednet import limits
from fednet.errors import InvalidModel, TaskFailed
from fednet.parameters import load_parameters, write_model
from fednet.server_functions._decoding import DECODING_ERRORS, Decoder
from fednet.server_functions._encoding import Encoder

FORMAT: Final = "fednet memory 1"
_PICKLE_MARK: Final = b"\x80"


def save_memory(path: Path, attributes: Mapping[str, Any]) -> None:
    """Write the attributes of an object into a file.

    Raises:
        TaskFailed: An attribute cannot be kept, or all together are too large; names it.
    """
    encoder = Encoder()
    values = {name: encoder.attribute(name, value) for name, value in attributes.items()}
    text = json.dumps({"format": FORMAT, "attributes": values}, allow_nan=False).encode()
    _check_size(len(text), sum(array.nbytes for array in encoder.arrays))
    try:
        write_model(path, [np.frombuffer(text, np.uint8), *encoder.arrays])
    except InvalidModel as error:
        raise TaskFailed(
            f"The attributes of self cannot be kept for the next run. {error.message}"
        ) from error


def load_memory(path: Path) -> dict[str, Any]:
    """Read the attributes of an object from a file; the arrays are writable copies.

    Raises:
        TaskFailed: The file is no memory in this format.
    """
    try:
        text, *arrays = load_parameters(path)
        return _attributes_in(text.tobytes(), arrays)
    except DECODING_ERRORS as error:
        raise TaskFailed(
            f"The memory of the server functions is damaged: {error}. Start the session again."
        ) from error


def _attributes_in(text: bytes, arrays: list[np.ndarray[Any, Any]]) -> dict[str, Any]:
    if text.startswith(_PICKLE_MARK):
        raise TaskFailed(
            "The memory of the server functions is a pickle, as fednet 0.1.0 wrote it. A pickle "
            "can run code, so it is not loaded. Start the session again."
        )
    if len(text) > limits.server_functions_description_bytes_max:
        raise ValueError("its description is too long")
    description = json.loads(text, parse_constant=_refused)
    if description["format"] != FORMAT:
        raise ValueError("it is in another format")
    decoder = Decoder(arrays)
    attributes = {name: decoder.value(each) for name, each in description["attributes"].items()}
    decoder.check_all_used()
    return attributes


def _refused(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is not JSON")


def _check_size(description_bytes: int, array_bytes: int) -> None:
    if description_bytes > limits.server_functions_description_bytes_max:
        raise TaskFailed(
            f"The attributes of self take {description_bytes} bytes beside their arrays; at most "
            f"{limits.server_functions_description_bytes_max} are kept from run to run. Keep less, "
            "or keep numbers in NumPy arrays."
        )
    if description_bytes + array_bytes > limits.server_functions_state_bytes_max:
        raise TaskFailed(
            f"The attributes of self take {description_bytes + array_bytes} bytes; at most "
            f"{limits.server_functions_state_bytes_max} are kept from run to run. Keep less."
        )

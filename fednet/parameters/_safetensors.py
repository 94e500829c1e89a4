"""Model files of the safetensors format; the reader trusts no value in them and needs no library.

- eight bytes, little-endian: the length of the header;
- the header, a JSON object: for each tensor its `dtype`, `shape` and `data_offsets`, begin and end
  counted from the end of the header; `__metadata__` may hold texts, which are not kept;
- the numbers, little-endian, in C order; the tensors lie one after the other and fill the file.

The arrays of a model have the order in which their numbers lie in the file, arrays with the names "0" to "n-1" that of
their numbers. A file that is written here has its arrays in the order of the model. The library of that name sorts: by
dtype, then by name.

BF16 is read as float32, which holds each of its numbers exactly; it is never written.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from fednet import limits
from fednet.errors import InvalidModel
from fednet.parameters._bfloat16 import widened
from fednet.parameters._blocks import BlockArray, flat_blocks
from fednet.parameters._files import file_errors
from fednet.parameters._mapped import map_file
from fednet.parameters._model_file import ModelFile, check_bytes
from fednet.parameters._structure import ArraySpec, Structure

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fednet.parameters._files import Writable

_Array = np.ndarray[Any, Any]

_LENGTH: Final = struct.Struct("<Q")
_HEADER_BYTES_MAX: Final = limits.model_arrays_max * limits.KIB
# Of each tensor: its object and its two lists, with a comma before each value in them. JSON takes up to fifty times its
# size in memory, so what has more is not parsed. There is room for texts that have the same characters.
_MARKS_MAX: Final = {
    b"{": 2 * limits.model_arrays_max,
    b"[": 4 * limits.model_arrays_max,
    b",": (limits.array_dimensions_max + 8) * limits.model_arrays_max,
}
_DTYPES: Final = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
    "F16": "float16", "F32": "float32", "F64": "float64",
}  # fmt: skip
_CODES: Final = {dtype: code for code, dtype in _DTYPES.items()}
_BF16: Final = "BF16"
_AGAIN: Final = "Save or send the model again."


@dataclass(frozen=True)
class _Tensor:
    """An array, and where its numbers lie in the file, in bytes from the end of the header."""

    spec: ArraySpec
    start: int
    end: int
    is_bf16: bool


def open_safetensors(
    path: Path, *, expected_bytes: int | None = None, writable: bool = False
) -> ModelFile:
    """Open a file of this format; see `open_model`.

    Raises:
        InvalidModel: The file is invalid; the message names the invalid array.
        NotFound: The file does not exist.
        Unavailable: The file cannot be read.
    """
    with file_errors(path), path.open("rb") as file:
        header_bytes, table = _read_header(file, path.stat().st_size)
        tensors = _in_order([_tensor(*item) for item in table.items()])
        structure = Structure(tuple(tensor.spec for tensor in tensors))
        check_bytes(structure, expected_bytes)
        _check_filled(_by_place(tensors), path.stat().st_size - header_bytes)
        mapping = map_file(file, writable=writable)
        return ModelFile(structure, _arrays(mapping, header_bytes, tensors, path.parent))


def begins_safetensors(start: bytes) -> bool:
    """Return True if the first bytes of a file belong to this format and to no other."""
    if len(start) <= _LENGTH.size:
        return False
    (length,) = _LENGTH.unpack_from(start)
    return 0 < length <= _HEADER_BYTES_MAX and start[_LENGTH.size :].startswith(b"{")


def write_safetensors_to(
    file: Writable, arrays: Iterable[_Array | BlockArray], structure: Structure | None = None
) -> None:
    """Write a model of this format to a binary stream.

    Args:
        file: The stream.
        arrays: The parameters; read one at a time if a structure is given.
        structure: Their names, shapes and dtypes; by default "0", "1", … with the arrays' shapes and dtypes.

    Raises:
        InvalidModel: A model may not hold such an array, or the array differs from the structure.
    """
    if structure is None:
        arrays = [array if isinstance(array, BlockArray) else np.asarray(array) for array in arrays]
        structure = Structure.of(arrays)
    file.write(_header(structure))
    for spec, array in zip(structure.arrays, arrays, strict=True):
        _write_array(file, spec, array)


def _read_header(file: BinaryIO, size_bytes: int) -> tuple[int, dict[str, Any]]:
    """Return the end of the header, and the tensors in it."""
    start = file.read(_LENGTH.size)
    (length,) = _LENGTH.unpack(start) if len(start) == _LENGTH.size else (0,)
    if not 0 < length <= min(_HEADER_BYTES_MAX, size_bytes - _LENGTH.size):
        raise InvalidModel(f"The file is not a safetensors file, or it is cut off. {_AGAIN}")
    text = file.read(length)
    if any(text.count(mark) > count for mark, count in _MARKS_MAX.items()):
        raise InvalidModel(f"The safetensors header has more values than a model has. {_AGAIN}")
    try:
        table = json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise InvalidModel(
            f"The safetensors header is not valid JSON: {error}. {_AGAIN}"
        ) from error
    if not isinstance(table, dict):
        raise InvalidModel(f"The safetensors header is not a JSON object. {_AGAIN}")
    table.pop("__metadata__", None)
    return _LENGTH.size + int(length), table


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name is there twice")
    return values


def _tensor(name: str, entry: Any) -> _Tensor:
    if len(name) > limits.array_name_characters_max:
        raise InvalidModel(
            f"An array's name has {len(name)} characters; at most "
            f"{limits.array_name_characters_max} are allowed. Save it under a shorter name."
        )
    wrong = InvalidModel(f"Array {name!r} has no valid entry in the header. {_AGAIN}")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise wrong
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not (_are_counts(shape) and _are_counts(offsets) and len(offsets) == 2):  # noqa: PLR2004 (begin, end)
        raise wrong
    start, end = offsets
    is_bf16 = code == _BF16
    # A dtype of the format that a model may not hold, such as F8_E5M2, keeps its name for the message.
    dtype = "float32" if is_bf16 else _DTYPES.get(str(code), str(code))
    spec = ArraySpec(name, tuple(shape), dtype)
    if end - start != (spec.nbytes // 2 if is_bf16 else spec.nbytes):
        raise wrong
    return _Tensor(spec, start, end, is_bf16)


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _in_order(tensors: list[_Tensor]) -> list[_Tensor]:
    """Return the tensors in the order of the model's arrays."""
    numbered = {str(position): position for position in range(len(tensors))}
    if all(tensor.spec.name in numbered for tensor in tensors):
        return sorted(tensors, key=lambda tensor: numbered[tensor.spec.name])
    return _by_place(tensors)


def _by_place(tensors: list[_Tensor]) -> list[_Tensor]:
    """Return the tensors in the order of their numbers; those without numbers keep that of the header."""
    return sorted(tensors, key=lambda tensor: (tensor.start, tensor.end))


def _check_filled(tensors: list[_Tensor], size_bytes: int) -> None:
    """Check that each byte belongs to exactly one tensor, of tensors in the order of their numbers."""
    end = 0
    for tensor in tensors:
        if tensor.start != end:
            raise InvalidModel(
                f"Array {tensor.spec.name!r} does not begin at the end of the one before it. {_AGAIN}"
            )
        end = tensor.end
    if end != size_bytes:
        raise InvalidModel(f"The arrays take {end} bytes, but the file has {size_bytes}. {_AGAIN}")


def _arrays(mapping: Any, data_start: int, tensors: list[_Tensor], folder: Path) -> list[_Array]:
    """Return the arrays as views: into the mapping, or of bfloat16 into a temporary file."""
    arrays = [_view(mapping, data_start, tensor) for tensor in tensors]
    places = [place for place, tensor in enumerate(tensors) if tensor.is_bf16]
    if places:
        wide = widened([arrays[place] for place in places], folder)
        for place, array in zip(places, wide, strict=True):
            arrays[place] = array
    return arrays


def _view(mapping: Any, data_start: int, tensor: _Tensor) -> _Array:
    dtype = np.dtype("uint16" if tensor.is_bf16 else tensor.spec.dtype).newbyteorder("<")
    offset = data_start + tensor.start if tensor.spec.size else 0
    return np.ndarray(tensor.spec.shape, dtype, buffer=mapping, offset=offset)


def _header(structure: Structure) -> bytes:
    table, end = {}, 0
    for spec in structure.arrays:
        start, end = end, end + spec.nbytes
        table[spec.name] = {
            "dtype": _CODES[spec.dtype],
            "shape": list(spec.shape),
            "data_offsets": [start, end],
        }
    content = json.dumps(table, separators=(",", ":")).encode()
    content = content.ljust(-(-len(content) // 8) * 8)  # so that the numbers are aligned
    return _LENGTH.pack(len(content)) + content


def _write_array(file: Writable, spec: ArraySpec, array: _Array | BlockArray) -> None:
    if array.shape != spec.shape:
        raise InvalidModel(
            f"Array {spec.name!r} has shape {array.shape}, but must have {spec.shape}."
        )
    little = np.dtype(spec.dtype).newbyteorder("<")
    for block in flat_blocks(array):
        file.write(block.astype(little, copy=False).view(np.uint8).data)

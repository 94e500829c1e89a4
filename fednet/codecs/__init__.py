"""Codecs: an update in fewer bytes, apart from the format of its model file.

An encoded update is a file of version 1:

- eight bytes that no model file begins with: as numbers of either raw format they are NaN;
- eight bytes, little-endian: the length of the header, which ends at a multiple of 64 bytes;
- the header, a JSON object with exactly `version` (1), `zstd` (true or false), `base` (the digest of the global model,
  or "" if no array needs it) and `arrays`: for each array its `name`, `dtype`, `shape`, `numbers` ("plain", "bf16" or
  "int8") and `delta` (true or false); then spaces;
- the numbers of each array in C order, little-endian, in blocks of 32,768; the last block of an array may be shorter;
- nothing else.

A block holds, by `numbers`:

- `plain`: the numbers in their dtype, for any dtype, and always for arrays that hold no floats in the global model.
  With `delta`: the exclusive or of their bits and those of the base's numbers, which must have the same dtype. Nothing
  is lost.
- `bf16`: the upper 16 bits of the float32, rounded to nearest, ties to even; for float32 and float64.
- `int8`: one scale for each 1,024 numbers, then one signed byte for each number; for all floats. The scale, float32
  (float64 for float64), times the byte is the number.

With `delta`, `bf16` and `int8` hold the number minus the base's number; sums and differences are float32 (float64 for
float64).

With `zstd`, a block begins with its length in four bytes, little-endian. If that is the length of the bare block, the
block follows as it is. If it is less, one zstd frame follows that decompresses to the bare block; there, the bytes of
numbers are grouped: the first byte of each number, then the second one of each, and so on. More is invalid.

The error of a number x, with d the number that is coded (x itself, or x minus the base), is at most

- `plain`: 0;
- `bf16`: |d| / 256;
- `int8`: m / 253, with m the largest |d| of its 1,024 numbers;

plus the rounding of the result to the array's dtype, and plus the smallest normal number of float32 (float64 for
`int8` of float64). Numbers that are not finite, or above half of the largest that the coding holds, are never
encoded: such an update travels as it is.
"""

from fednet.codecs._blocks import CODEC_BLOCK_ITEMS
from fednet.codecs._file import EncodedUpdate, is_encoded, open_encoded
from fednet.codecs._header import Base
from fednet.codecs._writer import encoded_bytes_max, write_encoded_to

__all__ = [
    "CODEC_BLOCK_ITEMS",
    "Base",
    "EncodedUpdate",
    "encoded_bytes_max",
    "is_encoded",
    "open_encoded",
    "write_encoded_to",
]

"""Model parameters: the formats of their files, and the structure of a model.

`model_format(helper)` opens and writes the files of each helper. The default is the npz of numpyhelper:

- a zip archive whose members are arrays, at least one, each `<name>.npy` with a name of its own;
- the arrays have the order of the archive; those with the names "0" to "n-1", or "arr_0" to "arr_n-1", that of their
  numbers;
- each member is one array in npy format 1.0 or 2.0, stored or deflated;
- an array holds booleans, integers of 8 to 64 bits or floats of 16 to 64 bits, in either byte
  order and memory order; never a pickle;
- nothing comes before the first member or after the directory, no byte belongs to two members,
  nothing is encrypted, and the archive has no comment.

`open_model` reads every such file as views into the mapped file. `write_model` writes one form of it: stored,
little-endian, C order, the numbers of each array at a multiple of 64 bytes, and the same bytes for the same arrays.
"""

from fednet.parameters._blocks import BLOCK_ITEMS, BlockArray, MadeArray, blocks, flat_blocks
from fednet.parameters._files import DigestedFile, Writable, file_errors
from fednet.parameters._finite import check_finite
from fednet.parameters._formats import (
    ModelFormat,
    helper_names,
    model_format,
    recognised_helper,
)
from fednet.parameters._given import given_arrays
from fednet.parameters._mapped import map_file, map_written
from fednet.parameters._model_file import (
    ModelFile,
    check_bytes,
    load_parameters,
    open_model,
)
from fednet.parameters._parameters import Parameters, in_order
from fednet.parameters._structure import ArraySpec, Structure, check_structure
from fednet.parameters._writer import write_model, write_model_to

__all__ = [
    "BLOCK_ITEMS",
    "ArraySpec",
    "BlockArray",
    "DigestedFile",
    "MadeArray",
    "ModelFile",
    "ModelFormat",
    "Parameters",
    "Structure",
    "Writable",
    "blocks",
    "check_bytes",
    "check_finite",
    "check_structure",
    "file_errors",
    "flat_blocks",
    "given_arrays",
    "helper_names",
    "in_order",
    "load_parameters",
    "map_file",
    "map_written",
    "model_format",
    "open_model",
    "recognised_helper",
    "write_model",
    "write_model_to",
]

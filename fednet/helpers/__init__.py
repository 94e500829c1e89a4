"""For the authors of packages: model files, metadata and metrics, as FEDn's packages know them.

    from fednet.helpers import get_helper, save_metadata, save_metrics

    helper = get_helper("numpyhelper")
    parameters = helper.load(in_path)
    …
    helper.save(parameters, out_path)
    save_metadata({"num_examples": 120}, out_path)

A package written for FEDn needs no other change than this import. NumPy is loaded when a helper is
asked for, and nothing else that is not Python's own.
"""

from typing import TYPE_CHECKING

from fednet.helpers._files import load_metadata, save_metadata, save_metrics

if TYPE_CHECKING:
    from fednet.helpers._helper import Helper

__all__ = ["get_helper", "load_metadata", "save_metadata", "save_metrics"]


def get_helper(name: str) -> "Helper":
    """The helper of this name.

    Args:
        name: "numpyhelper", "binaryhelper", "androidhelper" or "safetensors".

    Raises:
        InvalidInput: There is no such helper; the field is `helper`.
    """
    from fednet.helpers._helper import Helper
    from fednet.parameters import model_format

    return Helper(model_format(name))

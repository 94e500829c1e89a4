"""Model files, metadata and metrics for the authors of packages, as in FEDn.

    from fednet.helpers import get_helper, save_metadata, save_metrics

    helper = get_helper("numpyhelper")
    parameters = helper.load(in_path)
    …
    helper.save(parameters, out_path)
    save_metadata({"num_examples": 120}, out_path)

A package for FEDn needs only this import to be changed. A helper needs the standard library and NumPy, which is loaded
with the first helper.
"""

from typing import TYPE_CHECKING

from fednet.helpers._files import load_metadata, save_metadata, save_metrics

if TYPE_CHECKING:
    from fednet.helpers._helper import Helper

__all__ = ["get_helper", "load_metadata", "save_metadata", "save_metrics"]


def get_helper(name: str) -> "Helper":
    """Return the helper with a name.

    Args:
        name: "numpyhelper", "binaryhelper", "androidhelper" or "safetensors".

    Raises:
        InvalidInput: The helper is unknown; the field is `helper`.
    """
    from fednet.helpers._helper import Helper
    from fednet.parameters import model_format

    return Helper(model_format(name))

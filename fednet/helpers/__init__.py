"""For the authors of packages: model files, metadata and metrics, as FEDn's packages know them.

    from fednet.helpers import get_helper, save_metadata, save_metrics

    helper = get_helper("numpyhelper")
    parameters = helper.load(in_path)
    …
    helper.save(parameters, out_path)
    save_metadata({"num_examples": 120}, out_path)

A package written for FEDn needs no other change than this import. Nothing but NumPy is loaded, and
that only when a helper is asked for.
"""

from fednet.helpers._files import load_metadata, save_metadata, save_metrics
from fednet.helpers._helper import Helper, get_helper

__all__ = ["Helper", "get_helper", "load_metadata", "save_metadata", "save_metrics"]

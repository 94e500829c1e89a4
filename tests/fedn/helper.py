"""A package's training with a helper of a published FEDn: it adds one to every parameter.

Run by the Python of FEDn's own environment: `helper.py <helper> <model> <update>`. Without a model,
"-", it writes the first one.
"""

import sys

import numpy as np
from fedn.utils.helpers.helpers import get_helper


def main(name, model, update):
    helper = get_helper(name)
    parameters = [np.arange(4.0)] if model == "-" else helper.load(model)
    # androidhelper has one plain vector, the others have a list of arrays.
    vectors = parameters if isinstance(parameters, list) else [parameters]
    trained = [vector + (model != "-") for vector in vectors]
    helper.save(trained[0] if name == "androidhelper" else trained, update)


if __name__ == "__main__":
    main(*sys.argv[1:])

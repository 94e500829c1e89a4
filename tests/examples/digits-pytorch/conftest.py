"""PyTorch is large and no part of the test extra: where it is not installed, its example has no tests.

`make test-pytorch`, which the CI runs, installs it, and fails where no test is found.
"""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["test_run.py"]

"""PyTorch is large and no part of the test extra: where it is not installed, its example has no tests."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["test_run.py"]

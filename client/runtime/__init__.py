"""The runtimes of a client's code: functions in this process, or the commands or the object of a package."""

from .base import Runtime
from .callback import CallbackRuntime, PredictFunction, TrainFunction, ValidateFunction
from .hosted import HostedRuntime, package_runtime
from .package import PackageRuntime

__all__ = [
    "CallbackRuntime",
    "HostedRuntime",
    "PackageRuntime",
    "PredictFunction",
    "Runtime",
    "TrainFunction",
    "ValidateFunction",
    "package_runtime",
]

"""How a client's code is run: as functions in this process, or as the commands of a package."""

from .base import Runtime
from .callback import CallbackRuntime, TrainFunction, ValidateFunction
from .package import PackageRuntime

__all__ = ["CallbackRuntime", "PackageRuntime", "Runtime", "TrainFunction", "ValidateFunction"]

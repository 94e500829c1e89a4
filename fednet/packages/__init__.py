"""The compute package: its manifest; creates, inspects and unpacks packages."""

from fednet.packages._create import CreatedPackage, PackedFile, create_package
from fednet.packages._inspect import inspect_package
from fednet.packages._manifest import Manifest
from fednet.packages._python_env import PythonEnv, read_python_env
from fednet.packages._selection import LeftOut
from fednet.packages._unpack import unpack_package

__all__ = [
    "CreatedPackage",
    "LeftOut",
    "Manifest",
    "PackedFile",
    "PythonEnv",
    "create_package",
    "inspect_package",
    "read_python_env",
    "unpack_package",
]

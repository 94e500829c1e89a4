"""The compute package: its manifest, how it is made, looked into and unpacked."""

from fednet.packages._create import create_package
from fednet.packages._inspect import inspect_package
from fednet.packages._manifest import Manifest
from fednet.packages._unpack import unpack_package

__all__ = ["Manifest", "create_package", "inspect_package", "unpack_package"]

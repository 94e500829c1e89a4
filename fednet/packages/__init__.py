"""The compute package: its manifest; creates, inspects and unpacks packages."""

from fednet.packages._contents import PackageContents, PackageMember, read_contents
from fednet.packages._create import CreatedPackage, PackedFile, create_package
from fednet.packages._inspect import inspect_package
from fednet.packages._manifest import Manifest
from fednet.packages._python_env import PythonEnv, read_python_env
from fednet.packages._selection import LeftOut
from fednet.packages._settings import DeclaredSetting, declared_settings
from fednet.packages._signatures import sign_package, signers_of
from fednet.packages._text import member_texts
from fednet.packages._unpack import unpack_package
from fednet.packages._unpacked import UnpackedPackage

__all__ = [
    "CreatedPackage",
    "DeclaredSetting",
    "LeftOut",
    "Manifest",
    "PackageContents",
    "PackageMember",
    "PackedFile",
    "PythonEnv",
    "UnpackedPackage",
    "create_package",
    "declared_settings",
    "inspect_package",
    "member_texts",
    "read_contents",
    "read_python_env",
    "sign_package",
    "signers_of",
    "unpack_package",
]

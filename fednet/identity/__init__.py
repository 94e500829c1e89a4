"""Identities in a network: signed tokens, named networks, and the controller of this machine.

PyJWT and cryptography are imported only when a Signer, a Verifier or a WarrantReader is made: a
machine that only calls the REST API has neither.
"""

from fednet.contract import Principal, Role
from fednet.identity._admin_token import admin_token, admin_token_file
from fednet.identity._claims import CONTROLLERS, Claims, TokenUse, combiner_audience
from fednet.identity._kept_tokens import address_to_log_in, keep_token
from fednet.identity._key_files import keep_signing_key, read_signing_key, signing_key_file
from fednet.identity._keys import new_signing_key
from fednet.identity._local import LocalNetwork, read_local_network, write_local_network
from fednet.identity._networks import (
    NamedNetwork,
    NamedNetworks,
    find_network,
    find_tls,
    read_named_networks,
    write_named_networks,
)
from fednet.identity._package_keys import (
    create_package_key,
    read_package_key,
    read_trusted_keys,
)
from fednet.identity._private_files import replace as replace_private_file
from fednet.identity._renewed_token import RenewedToken
from fednet.identity._signer import Signer
from fednet.identity._verifier import Verifier
from fednet.identity._warrants import Warrant, WarrantReader

__all__ = [
    "CONTROLLERS",
    "Claims",
    "LocalNetwork",
    "NamedNetwork",
    "NamedNetworks",
    "Principal",
    "RenewedToken",
    "Role",
    "Signer",
    "TokenUse",
    "Verifier",
    "Warrant",
    "WarrantReader",
    "address_to_log_in",
    "admin_token",
    "admin_token_file",
    "combiner_audience",
    "create_package_key",
    "find_network",
    "find_tls",
    "keep_signing_key",
    "keep_token",
    "new_signing_key",
    "read_local_network",
    "read_named_networks",
    "read_package_key",
    "read_signing_key",
    "read_trusted_keys",
    "replace_private_file",
    "signing_key_file",
    "write_local_network",
    "write_named_networks",
]

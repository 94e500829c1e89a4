"""The declarations that all parts of a network agree on; each stands here once.

REST, the command line, `APIClient`, the stored state and the documentation are made from them.
"""

from fednet.contract._function_source import FUNCTION_METHODS, DeclaredFunctions, check_source
from fednet.contract._given_settings import check_given_settings
from fednet.contract._options import Option, OptionTraits, options_of
from fednet.contract._permissions import (
    OPEN,
    PERMISSIONS,
    Permission,
    check_permission,
    is_allowed,
    open_to_all,
    permission_of,
    requires,
)
from fednet.contract._principals import USER_ROLES, Principal, PrincipalKind, Role
from fednet.contract._privacy import PrivacyOptions
from fednet.contract._resources import (
    RESOURCES,
    ResourceDeclaration,
    ResourceFilter,
    resource_named,
)
from fednet.contract._secure import SecureOptions
from fednet.contract._session_options import PredictionOptions, SessionOptions
from fednet.contract._text_forms import Id, Name, Text

__all__ = [
    "FUNCTION_METHODS",
    "OPEN",
    "PERMISSIONS",
    "RESOURCES",
    "USER_ROLES",
    "DeclaredFunctions",
    "Id",
    "Name",
    "Option",
    "OptionTraits",
    "Permission",
    "PredictionOptions",
    "Principal",
    "PrincipalKind",
    "PrivacyOptions",
    "ResourceDeclaration",
    "ResourceFilter",
    "Role",
    "SecureOptions",
    "SessionOptions",
    "Text",
    "check_given_settings",
    "check_permission",
    "check_source",
    "is_allowed",
    "open_to_all",
    "options_of",
    "permission_of",
    "requires",
    "resource_named",
]

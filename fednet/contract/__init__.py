"""The declarations that all parts of a network agree on; each stands here once."""

from fednet.contract._principals import Principal, PrincipalKind, Role

__all__ = ["Principal", "PrincipalKind", "Role"]

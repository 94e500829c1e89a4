"""Principals: everybody who can ask something of a network, and the roles that they have."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self


class PrincipalKind(StrEnum):
    """The kind of one who asks."""

    USER = "user"
    """A person, or a program that works for one."""

    CLIENT = "client"
    """The agent of a site."""

    COMBINER = "combiner"
    """A combiner of the network."""

    CONTROLLER = "controller"
    """A controller of the network."""


class Role(StrEnum):
    """A name for a set of permissions."""

    ADMIN = "admin"
    """A user who may do everything."""

    OPERATOR = "operator"
    """A user who runs the network: clients, combiners, tokens, keys; no models, packages or results."""

    SCIENTIST = "scientist"
    """A user who works with sessions, models, packages, predictions and attributes."""

    VIEWER = "viewer"
    """A user who reads."""

    MONITOR = "monitor"
    """A program that scrapes metrics, and does nothing else."""

    CLIENT = "client"
    """The one role of a client: to take part in training."""

    COMBINER = "combiner"
    """The one role of a combiner: to aggregate."""

    CONTROLLER = "controller"
    """The one role of a controller: to give orders to combiners, and to follow other controllers."""

    @property
    def kind(self) -> PrincipalKind:
        """The kind of principal that has this role."""
        return _AGENTS.get(self, PrincipalKind.USER)


_AGENTS = {
    Role.CLIENT: PrincipalKind.CLIENT,
    Role.COMBINER: PrincipalKind.COMBINER,
    Role.CONTROLLER: PrincipalKind.CONTROLLER,
}


USER_ROLES: Final = tuple(role for role in Role if role.kind is PrincipalKind.USER)
"""The roles that a user can have."""


@dataclass(frozen=True)
class Principal:
    """One who asks.

    Attributes:
        kind: The kind of principal.
        id: Unique in the network, for ever.
        name: The name that people know it by.
        roles: Its roles in the network.
    """

    kind: PrincipalKind
    id: str
    name: str
    roles: frozenset[Role]

    @classmethod
    def of(cls, role: Role, id_: str, name: str) -> Self:
        """Return the principal with one role."""
        return cls(role.kind, id_, name, frozenset({role}))

    def has(self, role: Role) -> bool:
        """Return True if the principal has the role."""
        return role in self.roles

    @property
    def reference(self) -> dict[str, str]:
        """Kind, id and name, as documents name the principal."""
        return {"kind": str(self.kind), "id": self.id, "name": self.name}

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r}"

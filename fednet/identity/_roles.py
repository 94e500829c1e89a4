"""What a caller may be."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a token lets its holder do."""

    ADMIN = "admin"
    """A person, or a program of theirs: everything on the REST API."""

    CONTROLLER = "controller"
    """The controller, when it calls a combiner."""

    COMBINER = "combiner"
    """One combiner: may register itself again, and call other combiners."""

    CLIENT = "client"
    """One client: may register itself again, and connect to a combiner."""


@dataclass(frozen=True)
class Identity:
    """The one whom a token speaks for.

    Attributes:
        role: What it may do.
        id: Unique in the network, for ever.
        name: What people call it.
    """

    role: Role
    id: str
    name: str

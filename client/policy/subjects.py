"""The subjects of approvals: a package, or the settings of a session that the client's code has not declared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from fednet import limits
from fednet.digests import sha256_of
from fednet.packages import DeclaredSetting

OWN_SETTINGS: Final = {
    "session_id": DeclaredSetting("string"),
    "round": DeclaredSetting("integer", min=0),
    "rounds": DeclaredSetting("integer", min=0),
}
"""The settings that fednet itself adds to those of each session."""


@dataclass(frozen=True)
class Subject:
    """A package or settings that may need the owner's approval.

    Attributes:
        digest: The SHA-256 of the package's archive, or of the settings with the package's digest; hexadecimal.
        package: The SHA-256 of the package that runs; "" for functions of the site.
        session_id: The session that gives the settings; "" for a package.
        settings: The settings, JSON values by name; empty for a package.
        signers: The keys that have signed the package, hexadecimal.
        contents: The SHA-256 of the list of the package's contents, which another archive may share; "" for settings.
    """

    digest: str
    package: str = ""
    session_id: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    signers: frozenset[str] = field(default=frozenset(), compare=False)
    contents: str = field(default="", compare=False)

    @property
    def is_package(self) -> bool:
        """True for a package, False for settings."""
        return not self.settings

    def __str__(self) -> str:
        """Return the subject in words."""
        if self.is_package:
            return f"the package {self.digest}"
        names = ", ".join(map(repr, sorted(self.settings)))[: limits.problem_characters_max]
        return f"the settings {names} of the session {self.session_id} (digest {self.digest})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are stored."""
        return {
            "digest": self.digest,
            "package": self.package,
            "session_id": self.session_id,
            "settings": dict(self.settings),
            "signers": sorted(self.signers),
            "contents": self.contents,
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Read the fields that `to_dict` returns; raise ValueError or TypeError if they have another form."""
        return cls(**{**fields, "signers": frozenset(fields.get("signers", ()))})


def package_subject(
    digest: str, signers: frozenset[str] = frozenset(), contents: str = ""
) -> Subject:
    """Return the subject of a package."""
    return Subject(digest, package=digest, signers=signers, contents=contents)


def undeclared(
    settings: Mapping[str, Any], declared: Mapping[str, DeclaredSetting]
) -> dict[str, Any]:
    """Return the settings that the client's code has not declared, or whose value is not among the declared ones."""
    known = {**declared, **OWN_SETTINGS}
    return {
        name: value
        for name, value in settings.items()
        if name not in known or not known[name].takes(value)
    }


def settings_subject(session_id: str, package: str, settings: Mapping[str, Any]) -> Subject:
    """Return the subject of undeclared settings; another session with the same ones has the same digest."""
    text = json.dumps([package, settings], sort_keys=True, separators=(",", ":"))
    return Subject(sha256_of(text.encode()), package, session_id, settings)

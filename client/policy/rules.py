"""The rules of a policy. Pure: they decide from what is given."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from .subjects import Subject

Policy = Literal["pinned", "signed", "any"]
"""pinned: what the owner has approved; signed: also packages that a trusted key has signed; any: everything."""


def is_allowed(
    subject: Subject,
    policy: Policy,
    *,
    approved: Collection[str],
    revoked: Collection[str],
    trusted: Collection[str],
) -> bool:
    """Return True if a client may run a package, or use settings.

    Args:
        subject: The package or the settings.
        policy: The site's policy.
        approved: The digests that the owner has approved.
        revoked: The digests that the owner has revoked, of packages, of their contents and of settings; they are
            refused under each policy.
        trusted: The keys that the site trusts, hexadecimal.
    """
    if not {subject.digest, subject.contents}.isdisjoint(revoked):
        return False
    if policy == "any" or subject.digest in approved:
        return True
    is_signed = not subject.signers.isdisjoint(trusted)
    return policy == "signed" and subject.is_package and is_signed

"""The review of a package or of settings, for the owner of a site who decides about them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.packages import (
    PackageContents,
    PackageMember,
    inspect_package,
    member_texts,
    read_contents,
    signers_of,
)

from .subjects import Subject


def settings_facts(subject: Subject) -> dict[str, Any]:
    """Return the facts about settings that wait for an approval."""
    return {
        "kind": "settings",
        "digest": subject.digest,
        "package": subject.package,
        "session_id": subject.session_id,
        "settings": dict(subject.settings),
    }


def package_facts(digest: str, archive: Path, trusted: Mapping[str, str]) -> dict[str, Any]:
    """Return the facts about a package, as they are shown and kept with its approval.

    Args:
        digest: Its SHA-256.
        archive: Its file.
        trusted: The names of trusted keys, by key.

    Raises:
        InvalidPackage: The package is invalid.
    """
    manifest, contents = inspect_package(archive), read_contents(archive)
    return {
        "kind": "package",
        "digest": digest,
        "size_bytes": archive.stat().st_size,
        "manifest": str(manifest.path),
        "commands": dict(manifest.entry_points),
        "client": manifest.client,
        "python_env": manifest.python_env,
        "settings": {name: str(each) for name, each in manifest.settings.items()},
        "signers": [{"key": key, "trusted_as": trusted.get(key)} for key in _signers(contents)],
        "files": [_file(member) for member in contents.members],
    }


def changes(archive: Path, earlier: Path | None) -> list[str]:
    """Return the unified diff of a package's files against an earlier package, bounded in lines and in size.

    Args:
        archive: The package.
        earlier: The package that was approved last; None shows each file as new.

    Raises:
        InvalidPackage: A package is invalid.
    """
    lines: list[str] = []
    for line in _diff(archive, earlier):
        if len(lines) >= limits.review_lines_max:
            lines.append(f"… The rest of the diff is left out: unpack {archive} to read it.")
            break
        lines.append(_shortened(line))
    return lines


def _diff(archive: Path, earlier: Path | None) -> Iterator[str]:
    new, old = _members(archive), _members(earlier) if earlier else {}
    texts, earlier_texts = _texts(archive), _texts(earlier) if earlier else {}
    for path in sorted(new.keys() | old.keys()):
        if new.get(path) != old.get(path):
            yield from _diff_of(path, old.get(path), new.get(path), earlier_texts, texts)


def _diff_of(
    path: str,
    old: PackageMember | None,
    new: PackageMember | None,
    old_texts: Mapping[str, str],
    new_texts: Mapping[str, str],
) -> Iterator[str]:
    """Yield the facts of a member that differ, and the lines if both contents are short texts."""
    yield f"{path}: {_in_words(old)} -> {_in_words(new)}"
    is_text = all(
        each is None or each.path.as_posix() in texts
        for each, texts in ((old, old_texts), (new, new_texts))
    )
    if is_text:
        before, after = old_texts.get(path, ""), new_texts.get(path, "")
        yield from difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"a/{path}", f"b/{path}", lineterm=""
        )


def _texts(archive: Path) -> dict[str, str]:
    """Return the texts that are short enough to be compared line by line."""
    texts = member_texts(archive, limits.review_file_bytes_max, limits.review_bytes_max)
    lines_max = limits.review_file_lines_max
    return {path: text for path, text in texts.items() if text.count("\n") <= lines_max}


def _members(archive: Path) -> dict[str, PackageMember]:
    return {str(each.path): each for each in read_contents(archive).members}


def _in_words(member: PackageMember | None) -> str:
    if member is None:
        return "none"
    if member.target:
        return f"{member.kind.value} to {member.target}"
    if not member.sha256:
        return member.kind.value
    mode = "executable, " if member.executable else ""
    return f"{mode}{member.size_bytes} bytes, sha256 {member.sha256}"


def _file(member: PackageMember) -> dict[str, Any]:
    return {
        "path": str(member.path),
        "kind": member.kind.value,
        "executable": member.executable,
        "size_bytes": member.size_bytes,
        "sha256": member.sha256,
        "target": member.target,
    }


def _signers(contents: PackageContents) -> list[str]:
    return sorted(signers_of(contents))


def _shortened(line: str) -> str:
    """Return a line of a file as it can be shown: no control character reaches the terminal or reorders the text."""
    shown = "".join(sign if sign.isprintable() or sign == "\t" else _escaped(sign) for sign in line)
    longest = limits.review_line_characters_max
    return shown if len(shown) <= longest else f"{shown[:longest]}… ({len(shown)} characters)"


def _escaped(sign: str) -> str:
    return sign.encode("unicode_escape").decode()

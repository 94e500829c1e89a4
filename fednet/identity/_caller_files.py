"""The paths of a caller's files in JSON, where they are kept with a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fednet.tls import CallerTLS

if TYPE_CHECKING:
    from collections.abc import Mapping


def tls_from_json(content: Mapping[str, Any]) -> CallerTLS:
    """Return the files that `tls_to_json` has written."""
    names = ("ca", "certificate", "certificate_key")
    return CallerTLS(*(Path(content[name]) if content.get(name) else None for name in names))


def tls_to_json(tls: CallerTLS) -> dict[str, str]:
    """Return the absolute paths of the files, by the names of their settings."""
    files = {"ca": tls.ca, "certificate": tls.certificate, "certificate_key": tls.key}
    return {name: str(path.absolute()) for name, path in files.items() if path}

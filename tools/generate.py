"""Generate the parts of documentation and code that follow from declarations.

`make docs` writes all of them. `python tools/generate.py --check` writes nothing, and fails if one is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import aggregators_page
import api_lists
import api_starter
import classes_page
import commands_page
import metrics_page
import permissions_page
import privacy_page
import secure_page
import sessions_page
import settings_page

REPOSITORY: Final = Path(__file__).resolve().parent.parent
BEGIN: Final = "<!-- begin of the generated part -->\n"
END: Final = "<!-- end of the generated part -->\n"

PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "docs/aggregators.md": aggregators_page.part,
    "docs/api-client.md": classes_page.api_client,
    "docs/cli.md": commands_page.part,
    "docs/client.md": classes_page.client,
    "docs/monitoring.md": metrics_page.part,
    "docs/network.md": classes_page.network,
    "docs/participant.md": classes_page.participant,
    "docs/permissions.md": permissions_page.part,
    "docs/privacy.md": privacy_page.part,
    "docs/secure-aggregation.md": secure_page.part,
    "docs/sessions.md": sessions_page.part,
    "docs/settings.md": settings_page.part,
}
"""The pages of which a part is generated, with the function that returns the part; the rest is written by hand."""

FILES: Final[Mapping[str, Callable[[], str]]] = {
    "fednet/api_lists.py": api_lists.file,
    "fednet/api_starter.py": api_starter.file,
}
"""The files that are generated as a whole."""


def generated() -> dict[Path, str]:
    """Return the text that each file should have."""
    whole = {REPOSITORY / name: make() for name, make in FILES.items()}
    pages = {REPOSITORY / name: make for name, make in PARTS.items()}
    return whole | {path: _with_part(path.read_text(), make()) for path, make in pages.items()}


def _with_part(page: str, part: str) -> str:
    """Return the page with another generated part."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{part}{END}{after}"


def main(*, is_check: bool) -> int:
    """Write the files that are out of date, or only name them; return the exit code."""
    outdated = {path: text for path, text in generated().items() if path.read_text() != text}
    for path, text in outdated.items():
        print(path.relative_to(REPOSITORY))
        if not is_check:
            path.write_text(text)
    if is_check and outdated:
        print("These files are out of date. Run `make docs`, and commit what it writes.")
    return 1 if is_check and outdated else 0


if __name__ == "__main__":
    sys.exit(main(is_check="--check" in sys.argv[1:]))

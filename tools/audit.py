"""Ask a service of advisories about every installed package; fail if one has a known vulnerability.

    python tools/audit.py [options of pip-audit]

Packages that the service does not know are counted, not audited. A machine that cannot reach the service learns so, and
nothing fails there; each other failure of pip-audit is one of the audit.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any, Final

# The last line of pip-audit if it cannot reach the service: its advice, or the error that it did not expect.
_NO_NETWORK: Final = re.compile(
    r"ERROR:pip_audit\._cli:Tip: your network may be blocking"
    r"|requests\.exceptions\.(ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|ChunkedEncodingError):"
)


def main(options: list[str]) -> int:
    """Print the findings; return 1 if there are any."""
    command = [
        "-m",
        "pip_audit",
        "--skip-editable",
        "--progress-spinner",
        "off",
        "--format",
        "json",
    ]
    audit = subprocess.run(
        [sys.executable, *command, *options], check=False, capture_output=True, text=True
    )
    if not audit.stdout.startswith("{"):
        return _without_findings(audit)
    packages = json.loads(audit.stdout)["dependencies"]
    findings = [line for package in packages for line in _findings(package)]
    unknown = sum("skip_reason" in package for package in packages)
    print(*findings, sep="\n", end="\n" if findings else "")
    print(f"{len(packages) - unknown} packages were audited; the service does not know {unknown}.")
    return 1 if findings else 0


def _without_findings(audit: subprocess.CompletedProcess[str]) -> int:
    """Return 0 if the service could not be reached, and tell so; else show the failure."""
    *_, reason = ["no reason is given", *filter(None, audit.stderr.splitlines())]
    if _NO_NETWORK.match(reason):
        print(f"No package was audited: {reason}")
        return 0
    print(audit.stderr or reason, file=sys.stderr)
    return audit.returncode or 1


def _findings(package: dict[str, Any]) -> list[str]:
    return [
        f"{package['name']} {package['version']}: {each['id']}, mended in "
        f"{', '.join(each['fix_versions']) or 'no release yet'}"
        for each in package.get("vulns", [])
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

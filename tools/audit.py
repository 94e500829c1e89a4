"""Ask a service of advisories about every installed package; fail if one has a known vulnerability.

    python tools/audit.py [options of pip-audit]

Packages that the service does not know are counted, not audited: a machine without access to the service learns so, and
nothing fails there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


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
        *_, reason = ["no reason is given", *filter(None, audit.stderr.splitlines())]
        print(f"No package was audited: {reason}")
        return 0
    packages = json.loads(audit.stdout)["dependencies"]
    findings = [line for package in packages for line in _findings(package)]
    unknown = sum("skip_reason" in package for package in packages)
    print(*findings, sep="\n", end="\n" if findings else "")
    print(f"{len(packages) - unknown} packages were audited; the service does not know {unknown}.")
    return 1 if findings else 0


def _findings(package: dict[str, Any]) -> list[str]:
    return [
        f"{package['name']} {package['version']}: {each['id']}, mended in "
        f"{', '.join(each['fix_versions']) or 'no release yet'}"
        for each in package.get("vulns", [])
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

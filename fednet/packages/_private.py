"""The files that stay with the author unless somebody asks for them: secrets, environments, caches and data.

Names are compared without regard to case. Each rule is a pattern of gitignore with the reason that people read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from fednet import limits

if TYPE_CHECKING:
    from pathlib import Path

NEVER_PACKED = "version control"
_ENVIRONMENT = "an environment"
_CACHE = "a cache"
MADE_ANEW = {_ENVIRONMENT, _CACHE}  # each machine makes its own

_CREDENTIALS = (
    ".env .env.* *.env .netrc _netrc .pgpass .pypirc .npmrc .ssh/ .aws/ .kube/ id_rsa* id_dsa* id_ecdsa* id_ed25519* "
    "*.pem *.key *.p12 *.pfx *.ppk *.jks *.keystore *.kdbx *.ovpn *.token token.txt *.htpasswd kubeconfig "
    "service-account*.json service_account*.json client_secret*.json credentials *credentials*.json "
    "*credentials*.yaml *credentials*.yml *credentials*.toml *credentials*.ini *credentials*.csv *credentials*.txt "
    "secret secrets secret.* secrets.* !secret.py !secrets.py"
)
# A later rule has precedence for the reason.
_SECRETS = (
    ("a hidden file", ".*"),
    (_CACHE, "__pycache__/ *.pyc *.pyo *.egg-info/"),
    (NEVER_PACKED, ".git .hg .svn CVS/"),
    (_ENVIRONMENT, ".venv/ venv/ virtualenv/ site-packages/ node_modules/"),
    ("credentials", _CREDENTIALS),
)
_TABLES = (
    "*.csv *.csv.* *.tsv *.tsv.* *.parquet *.feather *.arrow *.orc *.avro *.xls *.xlsx *.xlsm *.ods *.sav *.dta "
    "*.sas7bdat *.xpt *.rds *.rdata *.mat *.h5ad *.hdf5 *.sqlite *.sqlite3 *.db *.mdb *.accdb *.dump *.sql.gz "
    "*.jsonl *.ndjson *.dcm *.dicom *.nii *.nii.gz *.mha *.mhd *.nrrd *.edf *.vcf *.vcf.gz *.bam *.fastq *.fastq.gz"
)
_DATA_FOLDERS = {"data", "dataset", "datasets"}
_CODE = {".py", ".pyi", ".sh"}
# Formats of data and of other things, which count as data when they are large.
_BULK = {
    ".7z", ".bz2", ".gz", ".h5", ".json", ".npy", ".npz", ".pickle", ".pkl", ".tar", ".tfrecord",
    ".tgz", ".txt", ".xml", ".xz", ".zip", ".zst",
}  # fmt: skip
_ENVIRONMENT_MARKS = ("pyvenv.cfg", "conda-meta", "bin/activate")


@dataclass(frozen=True)
class Privacy:
    """The reasons of our own to leave out a file: it is secret, or it is data; each is "" if it does not hold."""

    secret: str = ""
    data: str = ""

    def __or__(self, other: Privacy) -> Privacy:
        return Privacy(self.secret or other.secret, self.data or other.data)


class PrivateFiles:
    """The rules for files that a package leaves out by itself."""

    def __init__(self) -> None:
        self._secrets = _Reasons(_SECRETS)
        self._tables = _Reasons((("data", _TABLES),))

    def of_folder(self, folder: Path) -> Privacy:
        """Return the reasons that hold for a folder, not for those above it."""
        secret = self._secrets.of(f"{folder.name}/")
        if not secret and any((folder / mark).exists() for mark in _ENVIRONMENT_MARKS):
            secret = _ENVIRONMENT
        return Privacy(secret, "a large folder without code" if _is_data(folder) else "")

    def of_file(self, path: PurePosixPath, size_bytes: int) -> Privacy:
        """Return the reasons that hold for a file, given by its path in the package."""
        return Privacy(self._secrets.of(path.name), self._data(path, size_bytes))

    def _data(self, path: PurePosixPath, size_bytes: int) -> str:
        suffix = path.suffix.lower()
        if suffix in _CODE:
            return ""
        if any(part.lower() in _DATA_FOLDERS for part in path.parts[:-1]):
            return "data"
        if suffix in _BULK and size_bytes > limits.package_data_file_bytes_max:
            return "a large file of data"
        return self._tables.of(path.name)


def _is_data(folder: Path) -> bool:
    """Return True if a folder has no code, and more bytes than `limits.package_data_folder_bytes_max`."""
    size_bytes = 0
    for file in (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        if file.suffix.lower() in _CODE:
            return False
        size_bytes += file.stat().st_size
    return size_bytes > limits.package_data_folder_bytes_max


class _Reasons:
    """Patterns, grouped by the reason that they stand for."""

    def __init__(self, rules: tuple[tuple[str, str], ...]) -> None:
        pairs = [(reason, pattern) for reason, patterns in rules for pattern in patterns.split()]
        self._reasons = [reason for reason, _ in pairs]
        self._spec = GitIgnoreSpec.from_lines(pattern for _, pattern in pairs)

    def of(self, name: str) -> str:
        """Return the reason of the last pattern that matches, or ""."""
        found = self._spec.check_file(name.lower())
        return self._reasons[found.index] if found.include and found.index is not None else ""

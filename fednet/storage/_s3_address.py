"""The URL of an S3 store: `s3://KEY:SECRET@HOST:PORT/BUCKET?secure=…&region=…&public=…`.

No message of this module shows the URL, because it holds the secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from fednet.errors import InvalidInput

_form: Final = "s3://KEY:SECRET@HOST:PORT/BUCKET?secure=true&region=us-east-1"


@dataclass(frozen=True)
class Address:
    """The address of a bucket, with the keys to it.

    Attributes:
        host: The server's host, with its port if that is not the default.
        bucket: The bucket's name.
        access_key: The access key.
        secret_key: The secret key.
        secure: True if the server speaks https.
        region: The server's name of its region.
        public: The address of the same server for others, `https://host:port`, if theirs is different.
    """

    host: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    secure: bool
    region: str
    public: str | None

    @property
    def url(self) -> str:
        """The server's address for this process."""
        return f"{'https' if self.secure else 'http'}://{self.host}"


def address_of(url: str) -> Address:
    """Read a URL.

    Raises:
        InvalidInput: The URL is invalid; the message says why, and shows no part of it.
    """
    try:
        parts = urlsplit(url)
        options = dict(
            parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        )
        _ = parts.port  # urlsplit checks the port only when it is read
    except ValueError:
        raise _no_address(
            "It cannot be read"
        ) from None  # its message may hold a part of the secret
    bucket = parts.path.strip("/")
    if "@" in parts.query:  # else the options are part of the secret
        raise _no_address("KEY or SECRET has a question mark")
    if unknown := options.keys() - {"secure", "region", "public"}:
        raise _no_address(f"The option {min(unknown)!r} is unknown")
    if not parts.hostname or not bucket or "/" in bucket or parts.fragment:
        raise _no_address("It needs one host and one bucket")
    if not parts.username or not parts.password:
        raise _no_address(
            "It has no KEY:SECRET, and blob_store_key and blob_store_secret are not set"
        )
    if not unquote(parts.username + parts.password).isprintable():
        raise _no_address("KEY or SECRET has a line break or another control character")
    return Address(
        host=parts.netloc.rpartition("@")[2],
        bucket=bucket,
        access_key=unquote(parts.username),
        secret_key=unquote(parts.password),
        secure=_is_true(options.get("secure", "true")),
        region=options.get("region", "us-east-1"),
        public=_checked_public(options.get("public")),
    )


def _is_true(text: str) -> bool:
    if text not in {"true", "false"}:
        raise _no_address("secure is true or false")
    return text == "true"


def _checked_public(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/"):
        raise _no_address(
            "public is the server's address for others, such as https://s3.example.org"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _no_address(problem: str) -> InvalidInput:
    return InvalidInput(
        f"Invalid URL of the blob store. {problem}. Write it as {_form}, and percent-encode characters "
        "with a meaning in URLs (/ as %2F) in KEY and SECRET.",
        field="blob_store",
    )

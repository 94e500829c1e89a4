"""The URL of an S3 store: `s3://KEY:SECRET@HOST:PORT/BUCKET?secure=…&region=…&public=…`.

No message of this module shows the URL, for it holds the secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from fednet.errors import InvalidInput

_form: Final = "s3://KEY:SECRET@HOST:PORT/BUCKET?secure=true&region=us-east-1"


@dataclass(frozen=True)
class Address:
    """Where a bucket is, and who we are there.

    Attributes:
        host: Of the server, with its port if that is not the usual one.
        bucket: The bucket's name.
        access_key: Who we are.
        secret_key: What shows it.
        secure: Whether the server speaks https.
        region: What the server calls its region.
        public: Where others reach the same server, `https://host:port`, if it is elsewhere for
            them.
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
        """Where we reach the server."""
        return f"{'https' if self.secure else 'http'}://{self.host}"


def address_of(url: str) -> Address:
    """Read the URL.

    Raises:
        InvalidInput: It is none; says what is wrong with it, and shows nothing of it.
    """
    try:
        parts = urlsplit(url)
        options = dict(
            parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        )
        _ = parts.port  # is checked only when it is asked for
    except ValueError:
        raise _no_address("It cannot be read") from None  # its words may hold part of the secret
    bucket = parts.path.strip("/")
    if "@" in parts.query:  # then the options are part of the secret
        raise _no_address("There is a question mark in KEY or SECRET")
    if unknown := options.keys() - {"secure", "region", "public"}:
        raise _no_address(f"The option {min(unknown)!r} is unknown")
    if not parts.hostname or not bucket or "/" in bucket or parts.fragment:
        raise _no_address("It takes one host and one bucket")
    if not parts.username or not parts.password:
        raise _no_address(
            "There is no KEY:SECRET in it, nor in blob_store_key and blob_store_secret"
        )
    if not unquote(parts.username + parts.password).isprintable():
        raise _no_address("There is a line break, or the like, in KEY or SECRET")
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
        f"The blob store's URL does not do. {problem}. It is {_form}, with %2F for a slash in KEY "
        "or SECRET, and so on for other odd characters.",
        field="blob_store",
    )

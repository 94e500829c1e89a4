"""Targets that read what operators write: the URLs of stores, and addresses."""

import warnings
from collections.abc import Callable
from pathlib import Path

from pymongo import uri_parser

from fednet.addresses import host_of, split_address, split_addresses
from fednet.errors import InvalidInput
from fednet.storage import _directory, _mongodb, _opening, _postgresql, _sqlite
from fednet.storage._redaction import redacted
from fednet.storage._s3 import S3Blobs
from fednet.storage._s3_address import address_of

from .target import Target

SECRET_CHARACTERS_MIN = 6  # a shorter text may stand in a message by chance


def _postgresql_url(url: str) -> None:
    parsed = _postgresql._parsed(url, redacted(url))
    _postgresql._engine(parsed).dispose()


def _mongodb_url(url: str) -> None:
    """The driver resolves names with +srv, and connects: here it only reads the URL."""
    with _mongodb.url_errors(redacted(url)), warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        uri_parser.parse_uri(url.replace("mongodb+srv", "mongodb"))


# What is left out is the store itself: nothing is created, and nobody is called.
_PARSERS: dict[str, Callable[[str], object]] = {
    "file": _directory.root_of,
    "mongodb": _mongodb_url,
    "mongodb+srv": _mongodb_url,
    "postgresql": _postgresql_url,
    "postgresql+psycopg": _postgresql_url,
    "s3": lambda url: S3Blobs(address_of(url)).close(),
    "sqlite": _sqlite.path_of,
}


def _feed_store_url(content: bytes, _folder: Path) -> None:
    url = content.decode("utf-8", "surrogateescape")
    problem = _problem_of(url)
    secret = url.partition("://")[2].rpartition("@")[0].rpartition(":")[2]
    if problem and len(secret) >= SECRET_CHARACTERS_MIN and secret in str(problem):
        without = _problem_of(url.replace(secret, "x" * len(secret)))
        assert secret in str(without), (
            "a secret is shown"
        )  # else it is a word of the message itself
    if problem:
        raise problem


def _problem_of(url: str) -> InvalidInput | None:
    try:
        _PARSERS.get(url.partition("://")[0], _unknown)(url)
    except InvalidInput as error:
        return error
    return None


def _unknown(url: str) -> None:
    if not url.startswith("memory://"):
        _opening.open_documents(url, [])


_STORE_URLS = [
    b"file:///var/lib/fednet/blobs",
    b"mongodb://user:hunter22%40@host-1:27017,host-2/fednet?tls=true&replicaSet=rs",
    b"mongodb+srv://user:hunter22@cluster.example.org/fednet",
    b"postgresql://user:hunter22%40@host:5432/fednet?sslmode=verify-full&options=-c%20x%3D1",
    b"postgresql+psycopg://[::1]/fednet",
    b"s3://key:hunter22%2F@host:9000/bucket?secure=false&region=eu&public=https://s3.example.org",
    b"sqlite:////var/lib/fednet/state.db",
]


def _feed_addresses(content: bytes, _folder: Path) -> None:
    text = content.decode("utf-8", "surrogateescape")
    host_of(text)
    for address in split_addresses(text):
        split_address(address)


_ADDRESSES = [b"10.0.0.7:12080, [2001:db8::7]:443", b"localhost:1"]

TARGETS = [
    Target("store-url", _feed_store_url, lambda _: _STORE_URLS, (InvalidInput,)),
    Target("addresses", _feed_addresses, lambda _: _ADDRESSES, (InvalidInput,)),
]

"""A store's URL as it may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL

from fednet.errors import InvalidInput
from fednet.storage import open_blobs, open_documents
from fednet.storage._redaction import redacted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/lib/state.db", "sqlite:////var/lib/state.db"),
        ("postgresql://host:5432/name", "postgresql://host:5432/name"),
        ("postgresql+psycopg://user:hunter2@host/name", "postgresql+psycopg://***@host/name"),
        ("mongodb://a:b@one,two/name?password=x", "mongodb://***@one,two/name?***"),
        ("s3://KEY:SECRET@host:9000/bucket?secure=true", "s3://***@host:9000/bucket?***"),
        ("postgresql://user:a@b/c@host/name", "postgresql://***@host/name"),
        ("postgresql://host/name?password=a@b", "postgresql://***"),
        ("user:hunter2@host", "***@host"),
        ("memory://", "memory://"),
    ],
)
def test_the_scheme_and_the_place_are_shown_and_nothing_that_opens_the_store(url, shown):
    """Where it cannot be told which is which, only the scheme is."""
    assert redacted(url) == shown


@given(st.text(st.characters(codec="ascii"), min_size=3).map(lambda text: f"<{text}>"))
def test_no_password_is_ever_shown(password):
    """However it is made, written as URLs are or as it comes."""
    url = URL.create("mysql", "user", password, "host", 3306, "name", {"password": password})

    for written in (
        url.render_as_string(hide_password=False),
        f"mysql://user:{password}@host/name",
    ):
        assert password not in redacted(written)


@pytest.mark.parametrize("opening", [lambda url: open_documents(url, []), open_blobs])
def test_an_unknown_scheme_is_refused_without_the_secrets_of_the_url(opening):
    """As it happens to `postgres://`, which others take."""
    with pytest.raises(InvalidInput, match="host/name") as error:
        opening("postgres://user:hunter2@host/name?sslpassword=hunter2")

    assert "hunter2" not in error.value.message

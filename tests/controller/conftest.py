"""A controller without its server: everything real, on the in-memory stores."""

import io

import numpy as np
import pytest
from plain_sessions import PlainSessions

from fednet.contract import Principal, Role
from fednet.controller.accounts.accounts import Accounts
from fednet.controller.app import Services, create_app
from fednet.controller.audit.auditor import Auditor
from fednet.controller.audit.log import AuditLog
from fednet.controller.catalog import Catalog
from fednet.controller.cleaning.cleaner import Cleaner
from fednet.controller.cleaning.rules import Rule
from fednet.controller.feed.feed import Feed
from fednet.controller.feed.log import FeedLog
from fednet.controller.members.registry import Registry
from fednet.controller.presence import Presence
from fednet.controller.records import COLLECTIONS, Records
from fednet.controller.tokens.issuing import Tokens
from fednet.controller.tokens.keys import NetworkKeys
from fednet.controller.tokens.revocations import Revocations
from fednet.identity import Signer, new_signing_key
from fednet.packages import create_package
from fednet.storage import open_blobs, open_documents


@pytest.fixture
def records():
    documents = open_documents("memory://", COLLECTIONS)
    yield Records(documents)
    documents.close()


@pytest.fixture
def blobs():
    opened = open_blobs("memory://")
    yield opened
    opened.close()


@pytest.fixture
def presence():
    return Presence()


@pytest.fixture(scope="session")
def signer():
    return Signer.from_pem(new_signing_key())


@pytest.fixture(scope="session")
def admin():
    return Principal.of(Role.ADMIN, "admin-id", "admin")


@pytest.fixture
def revocations(records):
    return Revocations(records)


@pytest.fixture
def tokens(records, signer, revocations, feed):
    return Tokens(records, signer.sign_claims, signer.verifier, revocations, feed.revoked)


@pytest.fixture
def registry(records, presence, signer, tokens):
    """Combiners count as connected as soon as they are registered."""
    return Registry(
        records,
        presence,
        tokens,
        on_combiner=lambda combiner: presence.combiner_up(combiner["name"], {}),
        public_keys=lambda: [signer.public_key],
        shared_folder=lambda: {"blob_store": "file:///blobs", "blob_store_mark": "m"},
    )


@pytest.fixture
def catalog(records, blobs, tmp_path):
    return Catalog(records, blobs, tmp_path / "uploads")


@pytest.fixture
def feed(records):
    opened = Feed(FeedLog(records, "here"))
    yield opened
    opened.close()


@pytest.fixture
def sessions(records, feed):
    return PlainSessions(records, feed)


@pytest.fixture
def accounts(records, tokens):
    return Accounts(records, tokens)


@pytest.fixture
def auditor(records):
    opened = Auditor(AuditLog(records, "here"))
    yield opened
    opened.close()


@pytest.fixture
def keys(records, tmp_path):
    return NetworkKeys.open(records, tmp_path / "keys")


@pytest.fixture
def rules():
    """The rules of retention; they keep everything."""
    return {name: Rule() for name in ("audit", "answers", "models", "statuses")}


@pytest.fixture
def cleaner(records, blobs, auditor, rules):
    return Cleaner(records, blobs, auditor.log, rules)


@pytest.fixture
def services(
    records, blobs, registry, catalog, sessions, tokens, keys, feed, accounts, auditor, cleaner
):
    parts = (registry, catalog, sessions, tokens, keys, feed, accounts, auditor, cleaner)
    return Services(records, blobs, *parts)


@pytest.fixture
def app(services):
    return create_app(services)


@pytest.fixture
def anybody(app):
    """A test client without a token."""
    return app.test_client()


@pytest.fixture
def client_with(client_showing, signer):
    """Makes a test client whose every call carries a token of the identity."""
    return lambda identity: client_showing(signer.sign(identity))


@pytest.fixture
def client_showing(app):
    """Makes a test client whose every call carries this token."""

    def client(token):
        made = app.test_client()
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return made

    return client


@pytest.fixture
def api(client_with, admin):
    """An admin's test client."""
    return client_with(admin)


@pytest.fixture
def model_bytes():
    """Makes the bytes of a model file."""

    def make(value=1.0):
        file = io.BytesIO()
        np.savez(file, **{"0": np.full((3, 2), value, np.float32)})
        return file.getvalue()

    return make


@pytest.fixture
def package_bytes(tmp_path):
    """The bytes of a small compute package."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "fednet.yaml").write_text(
        "entry_points:\n  train: {command: python train.py}\n"
        "  validate: {command: python validate.py}\n"
    )
    create_package(folder, tmp_path / "package.tgz")
    return (tmp_path / "package.tgz").read_bytes()

"""All parts of a controller but what carries REST calls to it: opened in their order, closed in the reverse."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from flask import Flask

from fednet.identity import admin_token
from fednet.settings import ControllerSettings
from fednet.storage import open_blobs, open_documents, shared_folder

from .accounts.accounts import Accounts
from .app import Services, create_app
from .audit.auditor import Auditor
from .audit.log import AuditLog
from .catalog import Catalog
from .client_statuses import all_offline
from .feed.feed import Feed
from .feed.follower import Followers
from .feed.log import FeedLog
from .leases import Leases
from .name_lock import NameLock
from .presence import Presence
from .records import COLLECTIONS, Records
from .registry import Registry
from .sessions.engine.engine import Engine
from .tokens.control import ControlTokens
from .tokens.issuing import Tokens
from .tokens.keys import NetworkKeys
from .tokens.revocations import Revocations
from .tokens.trust import Trust, whole_trust


@dataclass(frozen=True)
class Assembly:
    """A controller at work in threads of this process.

    Attributes:
        app: Its REST API, as a WSGI application.
        engine: What runs the sessions.
        presence: Who is connected.
        token: The admin token.
    """

    app: Flask
    engine: Engine
    presence: Presence
    token: str


@contextlib.contextmanager
def assembled(
    settings: ControllerSettings, address: str, name_lock: NameLock
) -> Iterator[Assembly]:
    """Open the stores and take up unfinished sessions; at the end, let the sessions rest and close the stores.

    Args:
        settings: The controller's settings.
        address: The address at which other controllers reach its REST API.
        name_lock: Its name; released at the end.

    Raises:
        Unavailable: A store does not answer.
        FailedPrecondition: The data folder belongs to a newer version, or cannot be written; or another controller
            has the name.
    """
    with contextlib.ExitStack() as to_close:
        to_close.callback(name_lock.release)
        documents = to_close.enter_context(
            closing(open_documents(settings.state_store_url, COLLECTIONS))
        )
        blobs = to_close.enter_context(closing(open_blobs(settings.blob_store_url)))
        records, presence = Records(documents), Presence()
        keys = NetworkKeys.open(records, settings.data_dir)
        token = admin_token(settings.data_dir, keys.signer, keys.verifier, keys.retired)
        catalog = Catalog(records, blobs, name_lock.folder / "incoming")
        catalog.discard_unfinished()
        shutil.rmtree(settings.data_dir / "incoming", ignore_errors=True)  # of an earlier version
        leases = Leases(records, name_lock.name, name_lock.mark)
        leases.take(address)
        to_close.callback(leases.release)
        feed = Feed(FeedLog(records, name_lock.name))
        to_close.callback(feed.close)
        is_first = leases.is_first()
        if is_first:  # nobody else sees clients
            all_offline(records, feed.client_seen)
        shared_folder(settings.blob_store_url, renew=is_first)
        revocations = Revocations(records)
        control = ControlTokens(name_lock.name, keys.sign, lambda: keys.signer.key_id)
        followers = Followers(feed, name_lock.name, control.for_controllers())
        trust_now = partial(whole_trust, keys, revocations)
        engine = Engine(
            records,
            catalog,
            presence,
            leases,
            control,
            trust_now,
            feed,
            followers,
            keys.sign_warrant,
        )
        to_close.callback(engine.close)
        trust = Trust(feed, keys, revocations, engine.tell)
        trust.open()
        to_close.callback(trust.close)
        tokens = Tokens(records, keys.sign, keys.verifier, revocations, feed.revoked)
        registry = Registry(
            records,
            presence,
            tokens,
            engine.connect,
            lambda: keys.public_keys,
            partial(shared_folder, settings.blob_store_url),
            engine.disconnect,
        )
        accounts = Accounts(records, tokens)
        auditor = Auditor(AuditLog(records, name_lock.name))
        to_close.callback(auditor.close)
        app = create_app(
            Services(
                records,
                blobs,
                registry,
                catalog,
                engine,
                tokens,
                keys,
                feed,
                accounts,
                auditor,
            )
        )
        engine.open()
        yield Assembly(app, engine, presence, token)

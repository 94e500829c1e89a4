"""All parts of a controller but what carries REST calls to it: opened in their order, closed in the reverse."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from fednet.identity import admin_token
from fednet.settings import ControllerSettings
from fednet.storage import Blobs, object_store_of, open_blobs, open_documents, shared_folder
from fednet.traces import Traces

from .accounts.accounts import Accounts
from .app import Services, create_app
from .audit.auditor import Auditor
from .audit.log import AuditLog
from .catalog import Catalog
from .cleaning.cleaner import Cleaner
from .cleaning.housekeeping import Housekeeping
from .cleaning.rules import Rule
from .client_statuses import all_offline
from .feed.feed import Feed
from .feed.follower import Followers
from .feed.log import FeedLog
from .leases import Leases
from .measures import ControllerMetrics
from .members.registry import Registry
from .name_lock import NameLock
from .presence import Presence
from .records import COLLECTIONS, Records
from .retention import Retention
from .sessions.engine.engine import Engine
from .store_mark import belong_together
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
        engine: Runs the sessions.
        presence: The connected combiners and clients.
        token: The admin token.
        services: The services of its REST API.
        leases: The controllers that are alive.
    """

    app: Flask
    engine: Engine
    presence: Presence
    token: str = field(repr=False)
    services: Services
    leases: Leases


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
    with ExitStack() as to_close:
        to_close.callback(name_lock.release)
        ground = _ground(settings, address, name_lock, to_close)
        token = admin_token(
            settings.data_dir, ground.keys.signer, ground.keys.verifier, ground.keys.retired
        )
        presence, catalog = Presence(), _catalog(ground, settings, name_lock)
        metrics = ControllerMetrics()
        traces = Traces(settings.traces_endpoint, "controller", name_lock.name)
        to_close.callback(traces.close)
        engine = _engine(
            ground, catalog, presence, metrics, traces, name_lock.name, settings, to_close
        )
        services = replace(
            _services(ground, catalog, presence, engine, settings, name_lock.name, to_close),
            metrics=metrics,
        )
        housekeeping = Housekeeping(services.cleaner, ground.leases.is_first)
        to_close.callback(housekeeping.close)
        app = create_app(services)
        if settings.behind_proxy:
            app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]  # Flask's own way
        engine.open()
        yield Assembly(app, engine, presence, token, services, ground.leases)


@dataclass(frozen=True)
class _Ground:
    """The parts that all others stand on.

    Attributes:
        records: The documents.
        blobs: The blobs.
        keys: The keys that sign tokens.
        revocations: The ids that are refused.
        leases: The controllers that are alive; this one has its lease.
        feed: The feed.
    """

    records: Records
    blobs: Blobs
    keys: NetworkKeys
    revocations: Revocations
    leases: Leases
    feed: Feed


def _ground(
    settings: ControllerSettings, address: str, name_lock: NameLock, to_close: ExitStack
) -> _Ground:
    """Open the stores, and take this controller's lease."""
    documents = to_close.enter_context(
        closing(open_documents(settings.state_store_url, COLLECTIONS))
    )
    blobs = to_close.enter_context(
        closing(open_blobs(settings.blob_store_url, tls=settings.caller_tls))
    )
    belong_together(Records(documents), blobs)
    retention = Retention(documents)
    to_close.callback(retention.close)
    records = Records(documents, retention.note)
    keys = NetworkKeys.open(records, settings.data_dir, settings.signing_key)
    leases = Leases(records, name_lock.name, name_lock.mark)
    leases.take(address)
    to_close.callback(leases.release)
    feed = Feed(FeedLog(records, name_lock.name))
    to_close.callback(feed.close)
    is_first = leases.is_first()
    if is_first:  # nobody else sees clients
        all_offline(records, feed.client_seen)
    shared_folder(settings.blob_store_url, renew=is_first)
    return _Ground(records, blobs, keys, Revocations(records), leases, feed)


def _catalog(ground: _Ground, settings: ControllerSettings, name_lock: NameLock) -> Catalog:
    """Return the catalog; what an earlier process had received in part is deleted."""
    catalog = Catalog(ground.records, ground.blobs, name_lock.folder / "incoming")
    catalog.discard_unfinished()
    shutil.rmtree(settings.data_dir / "incoming", ignore_errors=True)  # of an earlier version
    return catalog


def _engine(
    ground: _Ground,
    catalog: Catalog,
    presence: Presence,
    metrics: ControllerMetrics,
    traces: Traces,
    name: str,
    settings: ControllerSettings,
    to_close: ExitStack,
) -> Engine:
    """Return the engine, which hears of revoked tokens and new keys from now on."""
    keys, tls = ground.keys, settings.caller_tls
    control = ControlTokens(name, keys.sign, lambda: keys.signer.key_id)
    engine = Engine(
        ground.records,
        catalog,
        presence,
        ground.leases,
        control,
        partial(whole_trust, keys, ground.revocations),
        ground.feed,
        Followers(ground.feed, name, control.for_controllers(), tls),
        keys.sign_warrant,
        metrics,
        traces,
        tls,
    )
    to_close.callback(engine.close)
    trust = Trust(ground.feed, keys, ground.revocations, engine.tell)
    trust.open()
    to_close.callback(trust.close)
    return engine


def _services(
    ground: _Ground,
    catalog: Catalog,
    presence: Presence,
    engine: Engine,
    settings: ControllerSettings,
    name: str,
    to_close: ExitStack,
) -> Services:
    """Return the services that the REST API stands on."""
    records, keys = ground.records, ground.keys
    tokens = Tokens(records, keys.sign, keys.verifier, ground.revocations, ground.feed.revoked)
    audit = AuditLog(records, name)
    auditor = Auditor(audit)
    to_close.callback(auditor.close)
    return Services(
        records=records,
        blobs=ground.blobs,
        registry=Registry(
            records,
            presence,
            tokens,
            engine.connect,
            lambda: keys.public_keys,
            partial(shared_folder, settings.blob_store_url),
            engine.disconnect,
            object_store_of(settings.blob_store_url),
        ),
        catalog=catalog,
        sessions=engine,
        tokens=tokens,
        keys=keys,
        feed=ground.feed,
        accounts=Accounts(records, tokens),
        auditor=auditor,
        cleaner=Cleaner(records, ground.blobs, audit, _rules(settings)),
        tls=settings.caller_tls,
    )


def _rules(settings: ControllerSettings) -> Mapping[str, Rule]:
    """Return the rules of retention."""
    return {
        "models": _rule(settings.keep_models, settings.keep_models_days),
        "statuses": _rule(settings.keep_statuses, settings.keep_statuses_days),
        "answers": _rule(settings.keep_answers, settings.keep_answers_days),
        "audit": _rule(settings.keep_audit, settings.keep_audit_days),
    }


def _rule(kept_max: int | None, days_max: float | None) -> Rule:
    return Rule(kept_max, None if days_max is None else days_max * 24 * 3600)

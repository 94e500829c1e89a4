"""All parts of a controller but what carries REST calls to it: opened in their order, closed in the reverse."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from flask import Flask

from fednet.identity import Identity, Role, Signer, admin_token
from fednet.settings import ControllerSettings
from fednet.storage import open_blobs, open_documents, shared_folder

from .app import Services, create_app
from .catalog import Catalog
from .presence import Presence
from .records import COLLECTIONS, Records
from .registry import Registry
from .sessions.engine import Engine


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
def assembled(settings: ControllerSettings) -> Iterator[Assembly]:
    """Open the stores and take up unfinished sessions; at the end, let the sessions rest and close the stores.

    Raises:
        Unavailable: A store does not answer.
        FailedPrecondition: The data folder belongs to a newer version, or cannot be written.
    """
    with contextlib.ExitStack() as to_close:
        documents = to_close.enter_context(
            closing(open_documents(settings.state_store_url, COLLECTIONS))
        )
        blobs = to_close.enter_context(closing(open_blobs(settings.blob_store_url)))
        signer = Signer.from_folder(settings.data_dir)
        token = admin_token(settings.data_dir, signer)
        records, presence = Records(documents), Presence()
        catalog = Catalog(records, blobs, settings.data_dir / "incoming")
        catalog.discard_unfinished()
        own_token = signer.sign(Identity(Role.CONTROLLER, "controller", "controller"))
        engine = Engine(records, catalog, presence, own_token)
        to_close.callback(engine.close)
        registry = Registry(
            records,
            presence,
            signer,
            engine.connect,
            shared_folder(settings.blob_store_url),
            engine.disconnect,
        )
        app = create_app(Services(records, blobs, registry, catalog, engine, signer.verifier))
        engine.open(registry)
        yield Assembly(app, engine, presence, token)
